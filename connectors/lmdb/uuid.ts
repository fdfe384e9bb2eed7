import { randomBytes } from 'node:crypto';

/** A UUIDv7 (RFC 9562): the time in milliseconds, then 74 random bits. */
export function mintUuid(time: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(time, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return readUuid(bytes, 0);
}

/** Its text out of 16 bytes. */
export function readUuid(bytes: Buffer, offset: number): string {
  const hex = bytes.toString('hex', offset, offset + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Where the 16 pairs of digits begin in the text. */
const pairs = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const dashes = [8, 13, 18, 23];

/**
 * Its 16 bytes out of the text.
 * @throws Error when it is not a UUID in lower case
 */
export function writeUuid(bytes: Buffer, offset: number, text: string): void {
  let valid = text.length === 36;
  for (const place of dashes) valid &&= text.charCodeAt(place) === 0x2d;
  for (let index = 0; index < 16; index++) {
    const place = pairs[index] as number;
    const high = digit(text.charCodeAt(place));
    const low = digit(text.charCodeAt(place + 1));
    valid &&= high >= 0 && low >= 0;
    bytes[offset + index] = (high << 4) | low;
  }
  if (!valid) throw new Error('a key is a UUID in lower case');
}

function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}
