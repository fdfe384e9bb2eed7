import { chart, type Row } from 'hookline/plugin';

/**
 * Rows as one block of the format Native, column by column; a block is never divided by the server, which
 * makes one part of it. https://clickhouse.com/docs/interfaces/formats/Native
 */
export function encodeBlock(rows: readonly Row[]): Buffer {
  const columns = [
    texts(rows, ({ requestId }) => Buffer.from(requestId)),
    floats(rows),
    texts(rows, ({ key }) => Buffer.from(key)),
    texts(rows, ({ body }) => body),
  ];
  const parts = [varint(chart.length), varint(rows.length)];
  for (const [at, { name, type }] of chart.entries()) {
    parts.push(text(Buffer.from(name)), text(Buffer.from(type === 'text' ? 'String' : 'Float64')));
    parts.push(columns[at] ?? Buffer.alloc(0));
  }
  return Buffer.concat(parts);
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

function texts(rows: readonly Row[], of: (row: Row) => Uint8Array): Buffer {
  return Buffer.concat(rows.flatMap((row) => [varint(of(row).length), of(row)]));
}

function text(bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(bytes.length), bytes]);
}

function floats(rows: readonly Row[]): Buffer {
  const bytes = Buffer.alloc(8 * rows.length);
  for (const [at, { timestamp }] of rows.entries()) bytes.writeDoubleLE(timestamp, 8 * at);
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
