import type { DuckDBInstance } from '@duckdb/node-api';
import { failpoint } from '../../core/host/failpoint.js';

/**
 * For the allocator within DuckDB's library, jemalloc, which reads it as the library is loaded: by itself it keeps for
 * ten seconds, in eight places, what DuckDB frees.
 * https://jemalloc.net/jemalloc.3.html#tuning
 */
const allocator = 'narenas:1,dirty_decay_ms:200,muzzy_decay_ms:0';

/** DuckDB, which is loaded when it is needed: it takes 25 MiB, which a process that answers senders does not need. */
export async function loadLibrary() {
  process.env['DUCKDB_JE_MALLOC_CONF'] ??= allocator;
  return await import('@duckdb/node-api');
}

export async function createInstance(
  path: string,
  config: Readonly<Record<string, string>>,
): Promise<DuckDBInstance> {
  const { DuckDBInstance } = await loadLibrary();
  return await DuckDBInstance.create(path, { ...config });
}

/** How a warehouse's file is opened. @param memory bytes */
export function settingsOf(memory: number, threads: number): Readonly<Record<string, string>> {
  return {
    memory_limit: `${memory}B`,
    threads: String(threads),
    // Each checkpoint compresses the last 122,880 rows anew: with 128 MiB it drains an eighth slower, with the
    // default of 16 MiB half as fast. After a crash a log of that size is read in 0.7 s.
    checkpoint_threshold: '256MiB',
    // What it frees goes back to the system: these two alone made 340 MiB of 510 of the load process, no slower.
    allocator_background_threads: 'true',
    allocator_flush_threshold: '8MiB',
    errors_as_json: 'true',
    enable_external_access: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    lock_configuration: 'true',
  };
}

/**
 * Closes it. A checkpoint on the way takes up to 400 ms: so it is made on one of DuckDB's threads, and not on this one.
 * @param checkpoint whether what is in memory is to be written into the file; else the log says at the next opening
 *   what was committed
 */
export async function closeInstance(opened: Promise<DuckDBInstance>, checkpoint: boolean): Promise<void> {
  const instance = await opened.catch(() => undefined);
  if (instance === undefined) return;
  if (checkpoint) {
    try {
      const connection = await instance.connect();
      const checkpointing = connection.run('CHECKPOINT');
      failpoint?.('duckdb.checkpointing');
      await checkpointing.catch(() => {});
      failpoint?.('duckdb.checkpointed');
      connection.closeSync();
    } catch {
      // A database that cannot be used any more is closed all the same.
    }
  }
  try {
    instance.closeSync();
  } catch {
    // Its file is then free when the process ends; the next use opens it again, or says why it cannot.
  }
}
