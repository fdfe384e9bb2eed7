import { setImmediate } from 'node:timers/promises';
import { DOUBLE, type DuckDBConnection, DuckDBDataChunk, VARCHAR } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { Row } from '../../core/contract/chart.js';

/** Where the appender finds the table. */
export interface AppendTarget {
  readonly catalog: string | null;
  readonly schema: string;
  readonly table: string;
}

/**
 * Appends rows to a table of the chart's columns, within the connection's transaction, by the functions of DuckDB's C
 * interface: what the API puts around them, for values that may be NULL and may be read again, takes a fourth as long
 * again. Bodies go in as bytes, which DuckDB checks to be UTF-8.
 * https://duckdb.org/docs/stable/clients/c/appender, https://duckdb.org/docs/stable/clients/c/vector
 */
export async function appendRows(
  connection: DuckDBConnection,
  target: AppendTarget,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<void> {
  const appender = await connection.createAppender(target.table, target.schema, target.catalog);
  const chunk = DuckDBDataChunk.create([VARCHAR, DOUBLE, VARCHAR, VARCHAR]);
  const size = duckdb.vector_size();
  for (let from = 0; from < rows.length; from += size) {
    signal.throwIfAborted();
    fill(chunk, rows, from, Math.min(size, rows.length - from));
    appender.appendDataChunk(chunk);
    await setImmediate();
  }
  appender.closeSync();
}

function fill(chunk: DuckDBDataChunk, rows: readonly Row[], from: number, count: number): void {
  chunk.reset();
  chunk.rowCount = count;
  const [ids, times, keys, bodies] = [0, 1, 2, 3].map((column) =>
    duckdb.data_chunk_get_vector(chunk.chunk, column),
  ) as [duckdb.Vector, duckdb.Vector, duckdb.Vector, duckdb.Vector];
  const timestamps = new Float64Array(count);
  for (let at = 0; at < count; at++) {
    const { requestId, timestamp, key, body } = rows[from + at] as Row;
    duckdb.vector_assign_string_element(ids, at, requestId);
    timestamps[at] = timestamp;
    duckdb.vector_assign_string_element(keys, at, key);
    duckdb.vector_assign_string_element_len(bodies, at, body);
  }
  duckdb.copy_data_to_vector(times, 0, timestamps.buffer, 0, timestamps.byteLength);
}
