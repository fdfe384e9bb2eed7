import { chart, type Row } from 'hookline/plugin';

const [doubleType, stringType] = [1, 9];
const optional = 1;

/** The chart as a message of protobuf: its fields are numbered as they stand there. */
export const rowDescriptor = {
  name: 'Row',
  field: chart.map(({ name, type }, at) => ({
    name,
    number: at + 1,
    label: optional,
    type: type === 'text' ? stringType : doubleType,
  })),
};

/** What a row takes in a request, with its length in front. */
export function encodedLength(row: Row): number {
  const length = messageLength(row);
  return 1 + varintLength(length) + length;
}

/** A row as a message of `rowDescriptor`: the body's bytes as they are. */
export function encodeRow(row: Row): Buffer {
  const buffer = Buffer.allocUnsafe(messageLength(row));
  let at = writeText(buffer, 0, 1, Buffer.from(row.requestId));
  buffer[at] = (2 << 3) | 1;
  at = buffer.writeDoubleLE(row.timestamp, at + 1);
  at = writeText(buffer, at, 3, Buffer.from(row.key));
  writeText(buffer, at, 4, row.body);
  return buffer;
}

/** Cuts rows into requests of so many bytes at most. Each row must fit into one: see `encodedLength`. */
export function* requestsOf(rows: readonly Row[], most: number): Generator<Buffer[]> {
  let [request, length]: [Buffer[], number] = [[], 0];
  for (const row of rows) {
    const needed = encodedLength(row);
    if (length + needed > most && request.length > 0) {
      yield request;
      [request, length] = [[], 0];
    }
    request.push(encodeRow(row));
    length += needed;
  }
  if (request.length > 0) yield request;
}

function messageLength({ requestId, key, body }: Row): number {
  const texts = [Buffer.byteLength(requestId), Buffer.byteLength(key), body.length];
  return texts.reduce((sum, length) => sum + 1 + varintLength(length) + length, 1 + 8);
}

function writeText(buffer: Buffer, at: number, field: number, text: Uint8Array): number {
  buffer[at] = (field << 3) | 2;
  let end = at + 1;
  for (let rest = text.length; ; rest >>>= 7) {
    buffer[end++] = rest > 0x7f ? (rest & 0x7f) | 0x80 : rest;
    if (rest <= 0x7f) break;
  }
  buffer.set(text, end);
  return end + text.length;
}

function varintLength(value: number): number {
  return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : value < 1 << 28 ? 4 : 5;
}
