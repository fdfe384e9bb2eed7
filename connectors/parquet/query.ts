import { type DuckDBConnection, StatementType } from '@duckdb/node-api';
import { PermanentError, type QueryResult } from 'hookline/plugin';
import { instructed } from '../duckdb/errors.js';
import { createInstance } from '../duckdb/instance.js';
import { quoteName, quoteText } from '../duckdb/name.js';
import { runReadOnly } from '../duckdb/query.js';
import type { FilesSettings } from './files.js';
import { quotePattern } from './name.js';
import { columns } from './shape.js';
import type { Store } from './store.js';

/**
 * Runs one SELECT on a DuckDB of its own, to which every table of a lake in a folder is a view. It can read
 * the files of the lake and no others, and write none.
 */
export async function queryFolder(
  store: Store,
  settings: FilesSettings,
  sql: string,
  limit: number,
  signal: AbortSignal,
): Promise<QueryResult> {
  const instance = await createInstance(':memory:', {
    memory_limit: `${settings.memoryLimit}B`,
    threads: String(settings.threads),
    errors_as_json: 'true',
    temp_directory: '',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  const abort = () => connection.interrupt();
  signal.addEventListener('abort', abort, { once: true });
  try {
    for (const table of await store.folders('', signal)) {
      if (!/^[_.]/.test(table)) await connection.run(await viewOf(store, table, signal));
    }
    await connection.run(`SET allowed_directories = [${quoteText(`${store.root}/`)}]`);
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
    await refuseExplain(connection, sql);
    return await runReadOnly(connection, sql, limit);
  } catch (error) {
    signal.throwIfAborted();
    throw instructed(error, `querying ${store.root}`);
  } finally {
    signal.removeEventListener('abort', abort);
    connection.closeSync();
    instance.closeSync();
  }
}

async function viewOf(store: Store, table: string, signal: AbortSignal): Promise<string> {
  let empty = true;
  for await (const { key } of store.all(table, signal)) {
    empty = !/^[^/]+\/[^_./][^/]*\/[^_./][^/]*\/[^/]+\.parquet$/.test(key);
    if (!empty) break;
  }
  const nothing = [...columns, { name: 'dt', type: 'DATE' }, { name: 'hour', type: 'BIGINT' }]
    .map(({ name, type }) => `NULL::${type} AS ${name}`)
    .join(', ');
  const folder = quotePattern(`${store.root}/${table}`);
  const source = empty
    ? `SELECT ${nothing} WHERE false`
    : `FROM read_parquet(${folder.slice(0, -1)}/*/*/*.parquet', hive_partitioning = true, union_by_name = true,
         hive_types = {'dt': DATE, 'hour': BIGINT})`;
  return `CREATE VIEW ${quoteName(table, 'table')} AS ${source}`;
}

/** EXPLAIN ANALYZE runs what it explains, and a COPY could write into the lake. */
async function refuseExplain(connection: DuckDBConnection, sql: string): Promise<void> {
  const statements = await connection.extractStatements(sql).catch(() => undefined);
  if (statements?.count !== 1) return;
  const statement = await statements.prepare(0).catch(() => undefined);
  const type = statement?.statementType;
  statement?.destroySync();
  if (type === StatementType.EXPLAIN) throw new PermanentError('a lake takes SELECT alone, one at a time');
}
