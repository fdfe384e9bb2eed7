import { chart, type Row } from 'hookline/plugin';

/** In bytes, for a length below 2^35. */
const longestVarint = 5;

/**
 * Rows as one block of the format Native, column by column; a block is never divided by the server, which
 * makes one part of it. https://clickhouse.com/docs/interfaces/formats/Native
 */
export function encodeBlock(rows: readonly Row[]): Buffer {
  const columns = [
    texts(rows.map(({ requestId }) => Buffer.from(requestId))),
    floats(rows.map(({ timestamp }) => timestamp)),
    texts(rows.map(({ key }) => Buffer.from(key))),
    texts(rows.map(({ body }) => body)),
  ];
  const heads = chart.map(({ name, type }) =>
    texts([name, type === 'text' ? 'String' : 'Float64'].map((text) => Buffer.from(text))),
  );
  const counts = Buffer.alloc(2 * longestVarint);
  const end = writeVarint(counts, rows.length, writeVarint(counts, chart.length, 0));
  const parts = columns.flatMap((column, at) => [heads[at] as Buffer, column]);
  return Buffer.concat([counts.subarray(0, end), ...parts]);
}

/** Rows of the format RowBinary. https://clickhouse.com/docs/interfaces/formats/RowBinary */
export function decodeRows(bytes: Buffer): Row[] {
  const rows: Row[] = [];
  let at = 0;
  const next = (): Buffer => {
    let length = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes.readUInt8(at++);
      length += (byte & 0x7f) * shift;
      if (byte < 0x80) break;
    }
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const requestId = next().toString();
    const timestamp = bytes.readDoubleLE(at);
    at += 8;
    rows.push({ requestId, timestamp, key: next().toString(), body: next() });
  }
  return rows;
}

/** Each with its length in front. */
function texts(values: readonly Uint8Array[]): Buffer {
  const room = values.reduce((sum, { length }) => sum + longestVarint + length, 0);
  const bytes = Buffer.allocUnsafe(room);
  let at = 0;
  for (const value of values) {
    at = writeVarint(bytes, value.length, at);
    bytes.set(value, at);
    at += value.length;
  }
  return bytes.subarray(0, at);
}

function floats(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [at, value] of values.entries()) bytes.writeDoubleLE(value, 8 * at);
  return bytes;
}

/** Returns where it ends. */
function writeVarint(bytes: Buffer, value: number, from: number): number {
  let [rest, at] = [value, from];
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) at = bytes.writeUInt8((rest % 128) | 0x80, at);
  return bytes.writeUInt8(rest, at);
}
