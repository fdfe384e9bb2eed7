import {
  type BatchLimits,
  type DeadFilter,
  type DeadLetter,
  type Death,
  type Depth,
  type Discard,
  type DiscardCount,
  type DiscardEntry,
  type LaneId,
  OverloadedError,
  type SealedBatch,
  type Spool,
  type SpoolRecord,
  type StoredRecord,
} from '../../core/index.js';
import { sealedTo } from './batches.js';
import { lanePrefix } from './keys.js';
import { type LmdbSpoolOptions, openParts, type Parts } from './parts.js';
import { assertStorable } from './record.js';

/** How often the load process frees the snapshots of readers that were killed, in milliseconds. */
const readerCheckEvery = 60_000;

/** The embedded spool: one LMDB environment on this machine's disk, shared by several processes. */
export class LmdbSpool implements Spool {
  readonly #options: LmdbSpoolOptions;
  #parts: Parts | undefined;
  #readersCheckedAt = 0;

  constructor(options: LmdbSpoolOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#parts ??= openParts(this.#options);
  }

  async append(lanes: readonly LaneId[], record: SpoolRecord): Promise<void> {
    const { appender, capacity } = this.#open();
    assertStorable(record);
    for (const lane of lanes) lanePrefix(lane);
    const done = capacity.take(record.body.length, lanes.length);
    try {
      await appender.append(lanes, record);
    } finally {
      done();
    }
  }

  /** After a failed commit it tries one more, as no traffic comes to try while this rejects. */
  async check(): Promise<void> {
    const { appender, capacity, writers } = this.#open();
    capacity.check();
    if (appender.failure === undefined) return;
    await writers.next().catch(() => {
      throw appender.failure;
    });
  }

  async claim(signal: AbortSignal): Promise<void> {
    const { claim, environment } = this.#open();
    await claim.take(signal);
    environment.forgetDeadReaders();
  }

  async pending(): Promise<LaneId[]> {
    const { claim, environment, records } = this.#read();
    if (claim.held && performance.now() - this.#readersCheckedAt > readerCheckEvery) {
      this.#readersCheckedAt = performance.now();
      environment.forgetDeadReaders();
    }
    return records.lanes();
  }

  async sealed(lane: LaneId): Promise<SealedBatch | undefined> {
    const { batches, sealing } = this.#read();
    const entry = batches.first(lane);
    return entry && sealing.load(lane, entry);
  }

  async read(lane: LaneId, limits: BatchLimits): Promise<StoredRecord[]> {
    const { batches, records } = this.#read();
    const rows: StoredRecord[] = [];
    let bytes = 0;
    for (const record of records.merged(lane, records.after(lane, sealedTo(batches.list(lane))))) {
      bytes += record.body.length;
      if (rows.length > 0 && bytes > limits.bytes) break;
      rows.push(record);
      if (rows.length >= limits.rows) break;
    }
    return rows;
  }

  async seal(
    lane: LaneId,
    rows: readonly StoredRecord[],
    discarded: readonly Discard[],
  ): Promise<SealedBatch | undefined> {
    return this.#read().sealing.seal(lane, rows, discarded);
  }

  async split(batch: SealedBatch): Promise<void> {
    await this.#read().sealing.split(batch);
  }

  async settle(batch: SealedBatch, outcome: 'landed' | Death): Promise<void> {
    await this.#read().sealing.settle(batch, outcome);
  }

  async depth(lane: LaneId): Promise<Depth> {
    const { batches, records } = this.#read();
    const sealed = batches.list(lane);
    let count = 0;
    let bytes = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (const entry of sealed) {
      count += entry.count;
      bytes += entry.bytes;
      oldest = Math.min(oldest, entry.oldest);
    }
    for (const range of records.after(lane, sealedTo(sealed))) {
      const extent = records.extent(lane, range);
      if (extent === undefined) continue;
      count += extent.count;
      bytes += extent.bytes;
      oldest = Math.min(oldest, extent.oldest);
    }
    return count === 0 ? { records: 0, bytes: 0 } : { records: count, bytes, oldest };
  }

  async dead(filter: DeadFilter): Promise<DeadLetter[]> {
    return this.#read().dead.list(filter);
  }

  async deadCounts(): Promise<ReadonlyMap<LaneId, number>> {
    return this.#read().dead.counts();
  }

  async revive(letter: DeadLetter): Promise<boolean> {
    return this.#open().revival.revive(letter);
  }

  async drop(letter: DeadLetter): Promise<boolean> {
    return this.#open().revival.drop(letter);
  }

  async discards(limit: number): Promise<DiscardEntry[]> {
    return this.#read().discards.newest(limit);
  }

  async discardCounts(): Promise<DiscardCount[]> {
    return this.#read().discards.counts();
  }

  async close(): Promise<void> {
    const parts = this.#parts;
    this.#parts = undefined;
    if (parts === undefined) return;
    await parts.appender.idle();
    await parts.claim.release().catch(() => {});
    await parts.environment.close();
  }

  #open(): Parts {
    if (this.#parts === undefined)
      throw new OverloadedError(`the spool at ${this.#options.path} is not open`);
    return this.#parts;
  }

  #read(): Parts {
    const parts = this.#open();
    parts.environment.refresh();
    return parts;
  }
}
