import type { DuckDBInstance } from '@duckdb/node-api';

/**
 * For the allocator within DuckDB's library, jemalloc, which reads it as the library is loaded: by itself it keeps for
 * ten seconds, in eight places, what DuckDB frees.
 * https://jemalloc.net/jemalloc.3.html#tuning
 */
const allocator = 'narenas:1,dirty_decay_ms:200,muzzy_decay_ms:0';

/**
 * Opens a database of DuckDB's own, which is loaded when the first one is: it takes 25 MiB, which a process that
 * answers senders does not need.
 */
export async function createInstance(
  path: string,
  config: Readonly<Record<string, string>>,
): Promise<DuckDBInstance> {
  process.env['DUCKDB_JE_MALLOC_CONF'] ??= allocator;
  const { DuckDBInstance } = await import('@duckdb/node-api');
  return await DuckDBInstance.create(path, { ...config });
}
