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
import type { ErrorLogger } from './journal/importer.js';
import { type LmdbSpoolOptions, openParts, type Parts } from './parts.js';

/** Bytes moved out of the journals after which a read is content with what its lane has. */
const enough = 256 * 1024 * 1024;

/** How often the load process frees the snapshots of readers that were killed, in milliseconds. */
const readerCheckEvery = 60_000;

/**
 * The embedded spool, on this machine's disk, shared by several processes. Whoever answers senders appends to a
 * journal of its own, one durable write a group; whoever reads moves the journals into LMDB first, where a
 * lane's records are one range.
 */
export class LmdbSpool implements Spool {
  readonly #options: LmdbSpoolOptions;
  readonly #logger: ErrorLogger;
  #parts: Parts | undefined;
  #readersCheckedAt = 0;

  constructor(options: LmdbSpoolOptions, logger: ErrorLogger) {
    this.#options = options;
    this.#logger = logger;
  }

  async open(): Promise<void> {
    this.#parts ??= await openParts(this.#options, this.#logger);
  }

  append(lanes: readonly LaneId[], record: SpoolRecord): Promise<void> {
    try {
      const { appender, capacity } = this.#open();
      capacity.take(record.body.length, lanes.length);
      return appender.append(lanes, record);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async check(): Promise<void> {
    const { appender, capacity } = this.#open();
    capacity.check();
    await appender.probe();
  }

  async claim(signal: AbortSignal): Promise<void> {
    const { claim, environment } = this.#open();
    await claim.take(signal);
    environment.forgetDeadReaders();
  }

  async pending(): Promise<LaneId[]> {
    const { claim, environment, importer, records } = this.#open();
    const failure = await importer.advance().then(() => undefined, asFailure);
    environment.refresh();
    if (claim.held && performance.now() - this.#readersCheckedAt > readerCheckEvery) {
      this.#readersCheckedAt = performance.now();
      environment.forgetDeadReaders();
    }
    const lanes = records.lanes();
    if (failure !== undefined && lanes.length === 0) throw failure.error;
    return lanes;
  }

  async sealed(lane: LaneId): Promise<SealedBatch | undefined> {
    const { batches, sealing } = this.#read();
    const entry = batches.first(lane);
    return entry && sealing.load(lane, entry);
  }

  async read(lane: LaneId, limits: BatchLimits): Promise<StoredRecord[]> {
    const { environment, importer } = this.#open();
    for (let imported = 0; ; ) {
      const step = await importer.advance().catch(asFailure);
      environment.refresh();
      const { rows, full } = this.#readUnsealed(lane, limits);
      if ('error' in step) {
        // What is in LMDB can land, and makes the room that the journal lacks.
        if (rows.length === 0) throw step.error;
        return rows;
      }
      imported += step.bytes;
      if (full || !step.more || (rows.length > 0 && imported > enough)) return rows;
    }
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
    await this.#open().importer.catchUp();
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
    await parts.appender.close();
    await parts.claim.release().catch(() => {});
    parts.journal.release();
    await parts.environment.close();
  }

  #readUnsealed(
    lane: LaneId,
    limits: BatchLimits,
  ): { readonly rows: StoredRecord[]; readonly full: boolean } {
    const { batches, records } = this.#open();
    const rows: StoredRecord[] = [];
    let bytes = 0;
    for (const record of records.merged(lane, records.after(lane, sealedTo(batches.list(lane))))) {
      bytes += record.body.length;
      if (rows.length > 0 && bytes > limits.bytes) return { rows, full: true };
      rows.push(record);
      if (rows.length >= limits.rows) return { rows, full: true };
    }
    return { rows, full: false };
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

function asFailure(error: unknown): { readonly error: unknown } {
  return { error };
}
