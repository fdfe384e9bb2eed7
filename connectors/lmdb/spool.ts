import {
  type Attempts,
  type BatchLimits,
  type DeadFilter,
  type DeadLetter,
  type Death,
  type Depth,
  type Discard,
  type DiscardCount,
  type DiscardEntry,
  type Halts,
  type LaneId,
  OverloadedError,
  type Quarantine,
  type Receipts,
  type SealedBatch,
  type Senders,
  type Serials,
  type Spool,
  type SpoolRecord,
  type StoredRecord,
  type TableName,
  type TrustedClock,
  trustedClock,
  type Waiting,
} from '../../core/index.js';
import type { SpoolLogger } from './journal/retiring.js';
import { Opened } from './opened.js';
import { type LmdbSpoolOptions, openParts, type Parts } from './parts.js';
import { placeOf } from './record.js';

/** Bytes moved out of the journals after which a read is content with what its lane has. */
const enough = 256 * 1024 * 1024;

/** Bytes in the journals that are left to the next look: each move costs the disk a flush, which delays the acks. */
const little = 1024 * 1024;

/** How often the load process frees the snapshots of readers that were killed, in milliseconds. */
const readerCheckEvery = 60_000;

/**
 * The embedded spool, on this machine's disk, shared by several processes. Whoever answers senders appends to a
 * journal of its own, one durable write a group; whoever reads moves the journals into LMDB first, where a
 * lane's records are one range.
 */
export class LmdbSpool implements Spool {
  readonly #options: LmdbSpoolOptions;
  readonly #logger: SpoolLogger;
  readonly #clock: TrustedClock;
  readonly #parts = new Opened<Parts>();
  #readersCheckedAt = 0;

  constructor(options: LmdbSpoolOptions, logger: SpoolLogger, clock: TrustedClock = trustedClock) {
    this.#options = options;
    this.#logger = logger;
    this.#clock = clock;
  }

  async open(): Promise<void> {
    await this.#parts.open(() => openParts(this.#options, this.#logger, this.#clock));
  }

  append(lanes: readonly LaneId[], record: SpoolRecord): Promise<void> {
    try {
      const { appender, capacity } = this.#open();
      capacity.take(record, lanes.length);
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
    const { attempts, claim, environment, serials } = this.#open();
    await claim.take(signal);
    attempts.take();
    serials.reread();
    environment.forgetDeadReaders();
  }

  async pending(): Promise<LaneId[]> {
    const { claim, clockNotes, environment, held, importer, landed, records } = this.#open();
    const failure = await importer.advance().then(() => undefined, asFailure);
    environment.refresh();
    if (claim.held && performance.now() - this.#readersCheckedAt > readerCheckEvery) {
      this.#readersCheckedAt = performance.now();
      environment.forgetDeadReaders();
    }
    // Where it fails, the next look tries again; whatever else the disk has to do tells why.
    if (claim.held)
      await Promise.all([held.trim(), landed.trim(), clockNotes.write()]).catch(() => undefined);
    environment.refresh();
    const lanes = records.lanes();
    if (failure !== undefined && lanes.length === 0) throw failure.error;
    return lanes;
  }

  async sealed(
    lane: LaneId,
    which: 'oldest' | 'newest' | number = 'oldest',
  ): Promise<SealedBatch | undefined> {
    return this.#read().sealing.unsettled(lane, which);
  }

  async read(lane: LaneId, limits: BatchLimits): Promise<StoredRecord[]> {
    const { environment, importer, queues } = this.#read();
    if (queues.fills(lane, limits)) return (await queues.unsealed(lane, limits)).rows;
    for (let imported = 0; ; ) {
      const step = await importer.advance().catch(asFailure);
      environment.refresh();
      const { rows, full } = await queues.unsealed(lane, limits);
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

  async settle(batch: SealedBatch, outcome: 'landed' | Death, table?: TableName): Promise<void> {
    await this.#read().sealing.settle(batch, outcome, table);
  }

  async depth(lane: LaneId, enough?: BatchLimits): Promise<Depth> {
    const { importer } = this.#open();
    const depth = () => this.#read().queues.depth(lane);
    if (enough === undefined) await importer.catchUp();
    else await importer.catchUp(() => isMore(depth(), enough), little);
    return depth();
  }

  async find(requestId: string): Promise<Waiting[]> {
    await this.#open().importer.catchUp();
    return this.#read().queues.find(requestId);
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

  readonly senders: Senders = {
    ask: (senders) => this.#open().proofs.ask(senders),
    asked: async () => this.#read().proofs.asked(),
    judge: (proven, unproven) => this.#read().proofs.judge(proven, unproven),
    unsealed: async (lane, limits, after) => {
      const { rows } = await this.#read().queues.unsealed(lane, limits, after.map(placeOf));
      const positions = [...after, ...rows.map(({ position }) => position)];
      const last = new Map(positions.map((position) => [placeOf(position).writer, position]));
      return { records: rows, to: [...last.values()] };
    },
    clear: (lane, proven, discarded) => this.#read().sealing.clear(lane, proven, discarded),
    proven: async () => this.#read().proofs.proven(),
  };

  readonly serials: Serials = {
    current: async () => this.#open().serials.current(),
    expect: async (destinations) => this.#open().serials.expect(destinations),
    expectation: async (destination) => this.#open().serials.expectation(destination),
    has: async (batch) => this.#read().batches.has(batch) || this.#open().landed.has(batch),
    dispute: async (destination, conflict) => this.#open().serials.dispute(destination, conflict),
    agree: async (destination, above) => this.#open().serials.agree(destination, above),
    accept: async (destination, conflict) => this.#open().serials.accept(destination, conflict),
  };

  readonly quarantine: Quarantine = {
    keep: (duration) => this.#open().held.keep(duration),
    list: async (filter) => this.#read().held.list(filter),
    release: (held) => this.#open().revival.release(held),
    drop: (held) => this.#open().revival.dropHeld(held),
    counts: async () => this.#read().held.counts(),
  };

  readonly attempts: Attempts = {
    deaths: (batch) => this.#open().attempts.deaths(batch),
    begin: (batch) => this.#open().attempts.begin(batch),
    died: (batch) => this.#open().attempts.died(batch),
    end: (batch, over) => this.#parts.value?.attempts.end(batch, over),
  };

  readonly halts: Halts = {
    get: async (lane) => this.#read().halts.get(lane),
    put: (lane, halt) => this.#open().halts.put(lane, halt),
    remove: (lane) => this.#open().halts.remove(lane),
  };

  readonly receipts: Receipts = {
    keep: (duration) => this.#open().landed.keep(duration),
    find: async (requestId) => this.#open().landed.find(requestId),
    summaries: (lane) => this.#open().landed.summaries(lane),
    get: async (id) => this.#read().landed.get(id),
    forget: (id, requestIds) => this.#open().landed.forget(id, requestIds),
    counts: async () => this.#read().landed.counts(),
  };

  async close(): Promise<void> {
    const parts = await this.#parts.take();
    if (parts === undefined) return;
    parts.attempts.release();
    await parts.appender.close();
    await parts.claim.release().catch(() => {});
    parts.journal.release();
    await parts.environment.close();
  }

  #open(): Parts {
    const parts = this.#parts.value;
    if (parts === undefined) throw new OverloadedError(`the spool at ${this.#options.path} is not open`);
    return parts;
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

function isMore({ records, bytes }: Depth, than: BatchLimits): boolean {
  return records > than.rows || bytes > than.bytes;
}
