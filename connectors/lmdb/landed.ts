import { setImmediate } from 'node:timers/promises';
import type {
  BatchReceipts,
  LaneId,
  ReceiptCounts,
  ReceiptsSummary,
  SealedBatch,
  TableName,
  TrustedClock,
} from '../../core/index.js';
import type { Environment } from './environment.js';
import { receiptsLength, StoredReceipts } from './receipts-entry.js';
import { Shelf, type Weight } from './shelf.js';

/** Receipts in one value: a value takes pages that lie side by side, of which a used file has few. */
const partLength = 1000;

/** Values between two turns of the event loop. */
const atOnce = 1000;

/** What has landed: a receipt of each row, in the order in which they are to be thrown away. */
export class Landed {
  readonly #environment: Environment;
  readonly #shelf: Shelf<StoredReceipts>;

  /** @param share bytes that it may take */
  constructor(environment: Environment, share: number, clock: TrustedClock) {
    this.#environment = environment;
    this.#shelf = new Shelf<StoredReceipts>(environment, {
      name: 'landed',
      codec: {
        encode: ({ bytes }) => bytes,
        decode: (bytes) => new StoredReceipts(Buffer.from(bytes.subarray(0, bytes.length))),
      },
      share,
      clock,
      weigh: ({ count }) => weightOf(count),
    });
  }

  keep(duration: number | undefined): void {
    this.#shelf.keep(duration);
  }

  async makeRoom({ rows }: SealedBatch): Promise<void> {
    await this.#shelf.makeRoom(weightOf(rows.length));
  }

  /** Prepares the writes that note these; run the result within the batch that removes the records. */
  noting({ id, lane, rows }: SealedBatch, epoch: number, table?: TableName): () => void {
    return this.#shelf.putting(lane, weightOf(rows.length), epoch, function* (at) {
      const landedAt = new Date(at);
      for (let from = 0; from < rows.length; from += partLength) {
        const receipts = rows.slice(from, from + partLength);
        yield StoredReceipts.of({
          batch: id,
          lane,
          landedAt,
          ...(table !== undefined && { table }),
          receipts,
        });
      }
    });
  }

  async find(requestId: string): Promise<BatchReceipts[]> {
    const found: BatchReceipts[] = [];
    for await (const some of this.#all()) {
      for (const { value } of some) {
        const receipt = value.only(requestId);
        if (receipt !== undefined) found.push(receipt);
      }
    }
    return found;
  }

  /** Whether a receipt of the batch is kept. */
  async has(batch: string): Promise<boolean> {
    for await (const some of this.#all()) {
      if (some.some(({ value }) => value.batch === batch)) return true;
    }
    return false;
  }

  async *summaries(lane: LaneId): AsyncGenerator<ReceiptsSummary[]> {
    for await (const some of this.#all()) {
      const own = some.filter(({ value }) => value.lane === lane);
      if (own.length > 0) yield own.map(({ key, value }) => value.summary(key.toString('hex')));
    }
  }

  get(id: string): BatchReceipts | undefined {
    return this.#shelf.db.get(Buffer.from(id, 'hex'))?.toBatch();
  }

  /** Whoever adds meanwhile adds others: what is kept is only ever taken out. */
  forget(id: string, requestIds: ReadonlySet<string>): Promise<void> {
    const key = Buffer.from(id, 'hex');
    return this.#environment.transact(() => {
      const kept = this.#shelf.db.get(key)?.toBatch();
      if (kept === undefined) return;
      const receipts = kept.receipts.filter(({ requestId }) => !requestIds.has(requestId));
      if (receipts.length === kept.receipts.length) return;
      if (receipts.length === 0) void this.#shelf.db.remove(key);
      else void this.#shelf.db.put(key, StoredReceipts.of({ ...kept, receipts }));
    });
  }

  counts(): ReceiptCounts {
    const { bytes, thrownAway } = this.#shelf.counts();
    const [oldest] = this.#shelf.entries();
    return { bytes, thrownAway, ...(oldest && { since: oldest.value.landedAt }) };
  }

  async trim(): Promise<void> {
    await this.#shelf.trim();
  }

  /** Some at a time: whoever looks at all of them neither blocks its process nor keeps a snapshot open. */
  async *#all() {
    let after: Buffer | undefined;
    for (;;) {
      this.#environment.refresh();
      const some = [...this.#shelf.entries(after, atOnce)];
      if (some.length === 0) return;
      yield some;
      after = some.at(-1)?.key;
      await setImmediate();
    }
  }
}

function weightOf(count: number): Weight {
  return { count, bytes: receiptsLength(count) };
}
