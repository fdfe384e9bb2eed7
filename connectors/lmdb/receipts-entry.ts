import type { BatchReceipts, LaneId, Receipt, ReceiptsSummary, TableName } from '../../core/index.js';
import { readUuid, writeUuid } from './uuid.js';

const idLength = 20;
const at = { batch: 0, landed: 16, first: 24, last: 32, count: 40, lane: 44, text: 46 } as const;

/** Bytes of so many receipts, about. */
export function receiptsLength(count: number): number {
  return count * (8 + idLength);
}

/**
 * Receipts as they are stored: batch id (16), time of landing (float64, milliseconds), first and last timestamp
 * (float64), count (uint32), length of the text (uint16), the lane and, behind a 0x00, the table in UTF-8, timestamps (float64), request ids
 * (20 ASCII each). The ids are a column, which is searched without decoding it.
 */
export class StoredReceipts {
  /** Never written again. */
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  static of({ batch, landedAt, lane, table, receipts }: BatchReceipts): StoredReceipts {
    const text = Buffer.from(table === undefined ? lane : `${lane}\0${table}`);
    const columns = at.text + text.length;
    const bytes = Buffer.allocUnsafe(columns + receiptsLength(receipts.length));
    writeUuid(bytes, at.batch, batch);
    bytes.writeDoubleBE(landedAt.getTime(), at.landed);
    bytes.writeUInt32BE(receipts.length, at.count);
    bytes.writeUInt16BE(text.length, at.lane);
    bytes.set(text, at.text);
    let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    let timestampAt = columns;
    let idAt = columns + receipts.length * 8;
    for (const { requestId, timestamp } of receipts) {
      first = Math.min(first, timestamp);
      last = Math.max(last, timestamp);
      timestampAt = bytes.writeDoubleBE(timestamp, timestampAt);
      idAt += bytes.write(requestId, idAt, idLength, 'latin1');
    }
    bytes.writeDoubleBE(first, at.first);
    bytes.writeDoubleBE(last, at.last);
    return new StoredReceipts(bytes);
  }

  get count(): number {
    return this.bytes.readUInt32BE(at.count);
  }

  get batch(): string {
    return readUuid(this.bytes, at.batch);
  }

  get landedAt(): Date {
    return new Date(this.bytes.readDoubleBE(at.landed));
  }

  get lane(): LaneId {
    return this.#text[0] as LaneId;
  }

  /** None in what was kept before tables were. */
  get #table(): { readonly table?: TableName } {
    const [, table] = this.#text;
    return table === undefined ? {} : { table };
  }

  get #text(): string[] {
    return this.bytes.toString('utf8', at.text, this.#columns).split('\0');
  }

  summary(id: string): ReceiptsSummary {
    const [first, last] = [this.bytes.readDoubleBE(at.first), this.bytes.readDoubleBE(at.last)];
    return { id, count: this.count, first, last, ...this.#table };
  }

  toBatch(): BatchReceipts {
    return this.#batch(Array.from({ length: this.count }, (_, place) => this.#receipt(place)));
  }

  /** With the receipt of this request alone; `undefined` when there is none of it. */
  only(requestId: string): BatchReceipts | undefined {
    const ids = this.#ids;
    if (requestId.length !== idLength) return undefined;
    for (let from = ids; ; ) {
      const found = this.bytes.indexOf(requestId, from, 'latin1');
      if (found < 0) return undefined;
      if ((found - ids) % idLength === 0) return this.#batch([this.#receipt((found - ids) / idLength)]);
      from = found + 1;
    }
  }

  #batch(receipts: readonly Receipt[]): BatchReceipts {
    const { batch } = this;
    return { lane: this.lane, batch, landedAt: this.landedAt, ...this.#table, receipts };
  }

  #receipt(place: number): Receipt {
    const id = this.#ids + place * idLength;
    return {
      requestId: this.bytes.toString('latin1', id, id + idLength),
      timestamp: this.bytes.readDoubleBE(this.#columns + place * 8),
    };
  }

  get #columns(): number {
    return at.text + this.bytes.readUInt16BE(at.lane);
  }

  get #ids(): number {
    return this.#columns + this.count * 8;
  }
}
