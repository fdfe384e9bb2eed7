import { crc32 } from 'node:zlib';

/** What a page is filled up to, in bytes: four of LMDB's own, which has a header in the first of them. */
export const fullPage = 4 * 4096 - 16;

/** In place of a record that is gone. */
const gone = new Uint8Array(0);

const magic = 0xd4;
/** Of a table, besides the ends: magic, count, CRC of the ends, CRC of the entries. */
const fixed = 11;
const perEnd = 4;

/** Bytes of a page besides its entries. */
export function tablesLength(count: number): number {
  return 2 * (fixed + count * perEnd);
}

/**
 * Entries of records that follow each other in a lane, in one value of LMDB: as a value each they would cost LMDB
 * and us several times as much. An entry without a byte is a record that is gone.
 *
 * Front: magic (1 byte), count (uint16), CRC of the ends (uint32), CRC of the entries (uint32), where each entry ends
 * (uint32 each, from where the first one begins). Then the entries. Then the same table from back to front: ends, CRCs,
 * count, magic. There are two, as each entry has a CRC of its own: whichever byte is damaged, the other entries are
 * found. To sum up all of a page takes half the time that its entries take one by one, so those are looked at only
 * where that sum is wrong. The CRC of the ends is begun with the count. Numbers are big-endian.
 */
export class Page {
  readonly bytes: Buffer;
  readonly count: number;
  /** Where the entries begin. */
  readonly #base: number;
  /** Where their ends are; `undefined` when nothing tells the entries apart: all of it is one then. */
  readonly #ends: number | undefined;
  /** Where the CRC of the entries is. */
  readonly #sum: number;
  #isWhole: boolean | undefined;

  /** @param bytes never written again */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    const { length } = bytes;
    const front = countIn(bytes, 0, 1, 3, () => fixed);
    const count =
      front ?? countIn(bytes, length - 1, length - 3, length - fixed, (n) => length - fixed - n * perEnd);
    this.count = count ?? 1;
    this.#base = count === undefined ? 0 : fixed + count * perEnd;
    if (front !== undefined) this.#ends = fixed;
    else if (count !== undefined) this.#ends = length - fixed - count * perEnd;
    this.#sum = front === undefined ? length - 7 : 7;
  }

  /**
   * @param entries 65,535 of them at most; one without a byte stands for a record that is gone
   * @param areWhole false where one may be damaged: that must show for ever
   */
  static of(entries: readonly Uint8Array[], areWhole = true): Page {
    const count = entries.length;
    const base = fixed + count * perEnd;
    const length = entries.reduce((sum, entry) => sum + entry.length, 0);
    const bytes = Buffer.allocUnsafeSlow(length + 2 * base);
    bytes[0] = magic;
    bytes.writeUInt16BE(count, 1);
    let end = 0;
    for (let index = 0; index < count; index++) {
      const entry = entries[index] as Uint8Array;
      bytes.set(entry, base + end);
      end += entry.length;
      bytes.writeUInt32BE(end, fixed + index * perEnd);
    }
    bytes.writeUInt32BE(crcOf(bytes, fixed, count), 3);
    const sum = crc32(view(bytes, base, end));
    bytes.writeUInt32BE(areWhole ? sum : ~sum >>> 0, 7);
    const back = base + end;
    bytes.copyWithin(back, fixed, base);
    bytes.copyWithin(back + count * perEnd, 3, fixed);
    bytes.writeUInt16BE(count, bytes.length - 3);
    bytes[bytes.length - 1] = magic;
    return new Page(bytes);
  }

  /** Where an entry begins in the bytes. */
  start(index: number): number {
    return index === 0 ? this.#base : this.end(index - 1);
  }

  /** Where it ends: where it begins when the record is gone. */
  end(index: number): number {
    if (this.#ends === undefined) return this.bytes.length;
    return this.#base + this.bytes.readUInt32BE(this.#ends + index * perEnd);
  }

  /** Whether all its entries are as they were put there; if not, each tells of itself. */
  get isWhole(): boolean {
    this.#isWhole ??= this.#ends !== undefined && this.#sumOfEntries() === this.bytes.readUInt32BE(this.#sum);
    return this.#isWhole;
  }

  #sumOfEntries(): number {
    const end = Math.min(this.end(this.count - 1), this.bytes.length);
    return crc32(view(this.bytes, this.#base, end - this.#base));
  }

  has(index: number): boolean {
    return this.end(index) > this.start(index);
  }

  entry(index: number): Buffer {
    return this.bytes.subarray(this.start(index), this.end(index));
  }

  /**
   * What is left of it, and from which of its records on, when some go; `undefined` when nothing is.
   * @param changed what stands in place of an entry that stays
   */
  without(
    goes: (index: number) => boolean,
    changed: (index: number, entry: Buffer) => Buffer = (_, entry) => entry,
  ): { readonly from: number; readonly page: Page } | undefined {
    const left = Array.from({ length: this.count }, (_, index) =>
      goes(index) ? gone : this.has(index) ? changed(index, this.entry(index)) : gone,
    );
    const from = left.findIndex(isThere);
    if (from < 0) return undefined;
    return { from, page: Page.of(left.slice(from, left.findLastIndex(isThere) + 1), this.isWhole) };
  }
}

/** The count of a table, when it is whole. */
function countIn(
  bytes: Buffer,
  magicAt: number,
  countAt: number,
  crcAt: number,
  endsAt: (count: number) => number,
): number | undefined {
  if (bytes.length < fixed || bytes[magicAt] !== magic) return undefined;
  const count = bytes.readUInt16BE(countAt);
  // The CRC of nothing, begun with 0, is 0: zeros would pass.
  if (count === 0) return undefined;
  const ends = endsAt(count);
  if (ends < 0 || ends + count * perEnd > bytes.length) return undefined;
  return bytes.readUInt32BE(crcAt) === crcOf(bytes, ends, count) ? count : undefined;
}

function crcOf(bytes: Buffer, ends: number, count: number): number {
  return crc32(view(bytes, ends, count * perEnd), count);
}

/** Plain: a Buffer's `subarray` takes longer. */
function view(bytes: Buffer, start: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
}

function isThere({ length }: Uint8Array): boolean {
  return length > 0;
}
