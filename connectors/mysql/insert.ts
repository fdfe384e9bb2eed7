import { PermanentError, type Row } from 'hookline/plugin';
import type { MysqlSession } from './session.js';
import type { Table } from './table.js';

/** Rows of a statement at most: beyond it, no faster, and a statement takes 65,535 parameters. */
const mostRows = 1024;
/** What the server itself says of a packet that is too large. */
const tooLarge = '1153';
/** What a row takes in a packet besides its texts, and a statement besides its rows; generously. */
const perRow = 64;
const perStatement = 1024;

/**
 * Inserts rows by prepared multi-row statements: the values go as they are, bodies as bytes and timestamps
 * as float64, and nothing is escaped. Not by LOAD DATA LOCAL, which turns errors into warnings and is off
 * by default on the server. The numbers of rows are powers of two, so that few statements are prepared.
 */
export async function insertRows(session: MysqlSession, table: Table, rows: readonly Row[]): Promise<void> {
  for (let from = 0; from < rows.length; ) {
    const count = countOf(rows, from, session.maxPacket - perStatement);
    const values = rows.slice(from, from + count).flatMap(valuesOf);
    const places = Array<string>(count).fill('(?, ?, ?, ?)').join(', ');
    await session.connection.execute(
      `INSERT INTO ${table.quoted} (${table.columns}) VALUES ${places}`,
      values,
    );
    from += count;
  }
}

/**
 * How many rows from there on go into a statement.
 * @throws PermanentError when not one does: the server would hang up, often before its error is read, as in an outage
 */
function countOf(rows: readonly Row[], from: number, room: number): number {
  const most = Math.min(mostRows, rows.length - from);
  let fitting = 0;
  for (let size = 0; fitting < most; fitting++) {
    const row = rows[from + fitting];
    if (row === undefined) break;
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    size += perRow + row.body.length + 3 * (row.requestId.length + row.key.length);
    if (size > room) break;
  }
  if (fitting > 0) return 2 ** Math.floor(Math.log2(fitting));
  throw new PermanentError(
    `a body of ${rows[from]?.body.length} bytes does not fit into the server's max_allowed_packet; raise it there, and replay`,
    { code: tooLarge },
  );
}

function valuesOf({ requestId, timestamp, key, body }: Row): (string | number | Buffer)[] {
  return [requestId, timestamp, key, Buffer.from(body.buffer, body.byteOffset, body.byteLength)];
}
