import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import type { FoundRow } from '../support/ack-log.js';

const columns =
  '__kdd_request_id, __kdd_request_unix_timestamp, __kdd_requester_key, __kdd_request_body' as const;
const page = 20_000;

/** As Postgres numbers rows when they come: neither `ctid` nor `xmin` says it of every row. */
export const arrivalColumn = "arrived bigint DEFAULT nextval('arrivals')";

/** The rows in the order of their arrival, by a plain client that knows nothing of Hookline. @param last to this one */
export async function* arrivedInPostgres(
  url: string,
  table: string,
  last?: string,
): AsyncGenerator<FoundRow> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (let after = '0'; ; ) {
      const { rows } = await client.query<{ n: string; id: string; at: number; key: string; body: Buffer }>(
        `SELECT arrived AS n, __kdd_request_id AS id, __kdd_request_unix_timestamp AS at,
                __kdd_requester_key AS key, convert_to(__kdd_request_body, 'UTF8') AS body
           FROM ${pg.escapeIdentifier(table)} WHERE arrived > $1 AND arrived <= $2 ORDER BY arrived LIMIT ${page}`,
        [after, last ?? String(2n ** 63n - 1n)],
      );
      for (const { id, at, key, body } of rows) yield { requestId: id, timestamp: at, key, body };
      const newest = rows.at(-1);
      if (newest === undefined) return;
      after = newest.n;
    }
  } finally {
    await client.end();
  }
}

/** The rows in the order of their arrival; nobody else may have the file open. */
export async function* arrivedInDuckDb(file: string, table: string): AsyncGenerator<FoundRow> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    for (let from = 0; ; from += page) {
      const reader = await connection.runAndReadAll(
        `SELECT ${columns} FROM "${table}" WHERE rowid >= ${from} AND rowid < ${from + page} ORDER BY rowid`,
      );
      const rows = reader.getRows();
      for (const [id, at, key, body] of rows) {
        yield {
          requestId: String(id),
          timestamp: Number(at),
          key: String(key),
          body: Buffer.from(String(body), 'utf8'),
        };
      }
      if (rows.length === 0) return;
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
