import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import type { FoundRow } from './ack-log.js';

/** All rows of a Postgres table, by a plain client; the body as the bytes that the server sends. */
export async function readPostgres(url: string, table: string): Promise<FoundRow[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string; time: number; key: string; body: Buffer }>(
      `SELECT __kdd_request_id AS id, __kdd_request_unix_timestamp AS time, __kdd_requester_key AS key,
              convert_to(__kdd_request_body, 'UTF8') AS body FROM ${pg.escapeIdentifier(table)}`,
    );
    return rows.map(({ id, time, key, body }) => ({ requestId: id, timestamp: time, key, body }));
  } finally {
    await client.end();
  }
}

/** All rows of a DuckDB table; nobody else may have the file open. */
export async function readDuckDb(file: string, table: string): Promise<FoundRow[]> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(
      `SELECT __kdd_request_id, __kdd_request_unix_timestamp, __kdd_requester_key, __kdd_request_body FROM "${table}"`,
    );
    return reader.getRows().map(([id, time, key, body]) => ({
      requestId: String(id),
      timestamp: Number(time),
      key: String(key),
      body: Buffer.from(String(body), 'utf8'),
    }));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
