import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Batch, Row } from '../index.js';

const letters = 'abcdefghijklmnopqrstuvwxyz';

/** In seconds: rows of one run are of one hour, by which some destinations part them. */
const thisHour = Math.floor(Date.now() / 3_600_000) * 3600;

/** A new row; its body is the one given, or some 150 bytes of JSON. */
export function makeRow(body?: Uint8Array | string, timestamp = thisHour + Math.random() * 3599): Row {
  const requestId = Array.from(randomBytes(20), (byte) => letters[byte % 26]).join('');
  const bytes = typeof body === 'string' ? Buffer.from(body) : (body ?? sample(requestId));
  return { requestId, timestamp, key: randomUUID(), body: bytes };
}

/** So many new rows, as `makeRow` makes them. */
export function makeRows(count: number): Row[] {
  return Array.from({ length: count }, () => makeRow());
}

/** A batch under a new id. */
export function makeBatch(table: string, rows: readonly Row[]): Batch {
  return { id: uuid7(randomBytes(16)), table, rows, bytes: sum(rows) };
}

/** The n-th batch of a series: the same one in every process that asks for it. */
export function seriesBatch(table: string, series: string, n: number, size: number): Batch {
  const digest = (text: string) => createHash('sha256').update(`${series} ${n} ${text}`).digest();
  const rows = Array.from({ length: size }, (_, at): Row => {
    const bytes = digest(String(at));
    const requestId = Array.from(bytes.subarray(0, 20), (byte) => letters[byte % 26]).join('');
    // One large body in each batch, so that a kill also meets it half sent.
    const body = at === size >> 1 ? Buffer.from(`"${'x'.repeat(300_000)}"`) : sample(requestId);
    // Within the hour, see above.
    const timestamp = 1_700_000_000 + bytes.readUInt32BE(20) / 2e6;
    return { requestId, timestamp, key: uuid7(bytes), body };
  });
  return { id: uuid7(digest('id')), table, rows, bytes: sum(rows) };
}

function sample(id: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      id,
      event: 'order.paid',
      amount: 12.5,
      tags: ['a', 'b'],
      customer: { name: 'Zoë', country: 'BR' },
    }),
  );
}

function sum(rows: readonly Row[]): number {
  return rows.reduce((bytes, row) => bytes + row.body.length, 0);
}

function uuid7(random: Uint8Array): string {
  const bytes = Buffer.from(random.subarray(0, 16));
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
