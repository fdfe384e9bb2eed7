import { statfsSync } from 'node:fs';
import type { LaneId, TrustedClock } from '../../core/index.js';
import type { Codec, Db, Environment } from './environment.js';
import { lanePrefix, timeKey, timeOf } from './keys.js';

/** Once beyond its share it shrinks to this part of it, so that not every step is followed by a trim. */
const trimTo = 15 / 16;

/** What one trim takes out at most: it reads what goes early, and nobody else writes meanwhile. */
const trimAtOnce = { entries: 10_000, bytes: 64 * 1024 * 1024 } as const;

/** Free room beyond which nothing is put here: a seal must succeed on a disk that is nearly full, too. */
const untouched = 64 * 1024 * 1024;

/** In the counts: what was trimmed. What was never put here is counted lane by lane, within its batch. */
const trimmedKey = Buffer.from([0]);

export interface ShelfParts<V> {
  /** Of its database; its counts are in a second one. */
  readonly name: string;
  readonly codec: Codec<V>;
  /** Bytes that it may take. */
  readonly share: number;
  /** What a value counts for, and the bytes that it takes. */
  readonly weigh: (value: V) => Weight;
  readonly clock: TrustedClock;
}

export interface Weight {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Values that are kept until their time, in the order in which they end. They have a share of the spool of
 * their own: beyond it the oldest are thrown away first, and counted. They never keep a step from being done.
 * While the clock is not certain, they end by the earliest time that it may be, and are kept by the latest.
 */
export class Shelf<V> {
  readonly db: Db<V>;
  readonly #environment: Environment;
  readonly #counts: Db<number>;
  readonly #share: number;
  readonly #clock: TrustedClock;
  readonly #weigh: ShelfParts<V>['weigh'];
  #duration: number | undefined;
  #serial = 0;
  #trimming: Promise<unknown> = Promise.resolve();

  constructor(environment: Environment, { name, codec, share, weigh, clock }: ShelfParts<V>) {
    this.#environment = environment;
    this.db = environment.db<V>(name, codec);
    this.#counts = environment.db<number>(`${name}-counts`);
    this.#share = share;
    this.#weigh = weigh;
    this.#clock = clock;
  }

  /** From now on values stay so many milliseconds; without a number none is put here. */
  keep(duration: number | undefined): void {
    this.#duration = duration;
  }

  get open(): boolean {
    return this.#duration !== undefined;
  }

  /**
   * Throws the oldest away until these fit into the share. Steps may come faster than anyone looks at what
   * is kept, so each makes the room that it takes. Where that fails they are not kept, and counted.
   */
  async makeRoom({ bytes }: Weight): Promise<void> {
    if (!this.open || bytes === 0 || bytes > this.#share) return;
    for (let more = true; more && this.#excess(bytes) > 0; )
      more = await this.#trim(bytes).catch(() => false);
  }

  /**
   * Prepares to put these here; run the result within the batch that they belong to.
   *
   * @param values as of that moment, from which on they are kept
   */
  putting(lane: LaneId, weight: Weight, epoch: number, values: (at: number) => Iterable<V>): () => void {
    if (this.#duration === undefined || weight.count === 0) return () => undefined;
    if (this.#excess(weight.bytes) > 0 || !this.#hasRoom(weight.bytes)) {
      const lost = (this.#counts.get(lanePrefix(lane)) ?? 0) + weight.count;
      return () => void this.#counts.put(lanePrefix(lane), lost);
    }
    const { wall: at, latest } = this.#clock.now();
    const until = latest + this.#duration;
    return () => {
      for (const value of values(at)) void this.db.put(timeKey(until, epoch, this.#serial++), value);
    };
  }

  /** What has its time still, what ends first first. @param after only what follows this key */
  *entries(after?: Buffer, limit?: number): Generator<{ readonly key: Buffer; readonly value: V }> {
    let start = firstAfter(this.#clock.now().earliest);
    if (after !== undefined) {
      const next = Buffer.concat([after, Buffer.alloc(1)]);
      // What has had its time is not listed, also where it is not trimmed yet.
      if (Buffer.compare(next, start) > 0) start = next;
    }
    yield* this.db.getRange({ start, ...(limit !== undefined && { limit }) });
  }

  /** Within a transaction: takes it out; `undefined` when it is not there. */
  take(key: Buffer): V | undefined {
    const value = this.db.get(key);
    if (value !== undefined) void this.db.remove(key);
    return value;
  }

  counts(): ShelfCounts {
    const { entryCount } = this.db.getStats() as { readonly entryCount: number };
    let thrownAway = 0;
    for (const { value } of this.#counts.getRange({})) thrownAway += value;
    return { entries: entryCount, bytes: this.#environment.sizeOf(this.db), thrownAway };
  }

  /** Throws away some of what has had its time, or else of the oldest that are beyond the share. */
  async trim(): Promise<void> {
    await this.#trim(0);
  }

  /** One at a time: two at once would both take out the same excess. False when there is nothing to trim. */
  #trim(coming: number): Promise<boolean> {
    const trimmed = this.#trimming.then(() => this.#trimSome(coming));
    this.#trimming = trimmed.catch(() => undefined);
    return trimmed;
  }

  async #trimSome(coming: number): Promise<boolean> {
    this.#environment.refresh();
    const [oldest] = this.db.getKeys({ limit: 1 });
    if (oldest === undefined) return false;
    const now = this.#clock.now().earliest;
    const excess = this.#excess(coming);
    const isOver = timeOf(oldest) <= now;
    if (!isOver && excess <= 0) return false;
    await this.#environment.transact(() => {
      if (isOver) this.#remove(this.db.getKeys({ end: firstAfter(now), limit: trimAtOnce.entries }));
      else this.#trimEarly(excess + this.#share * (1 - trimTo));
    });
    this.#environment.refresh();
    return true;
  }

  /** Within a transaction. */
  #trimEarly(excess: number): void {
    const gone: Buffer[] = [];
    let left = Math.min(excess, trimAtOnce.bytes);
    let lost = this.#counts.get(trimmedKey) ?? 0;
    for (const { key, value } of this.db.getRange({ limit: trimAtOnce.entries })) {
      const { count, bytes } = this.#weigh(value);
      gone.push(key);
      lost += count;
      left -= bytes;
      if (left <= 0) break;
    }
    this.#remove(gone);
    void this.#counts.put(trimmedKey, lost);
  }

  #remove(keys: Iterable<Buffer>): void {
    for (const key of [...keys]) void this.db.remove(key);
  }

  /** Bytes beyond the share, once so many more are here. */
  #excess(coming: number): number {
    return this.#environment.sizeOf(this.db) + coming - this.#share;
  }

  /** LMDB writes all of it anew before the pages of the records are free. */
  #hasRoom(size: number): boolean {
    const { live, file } = this.#environment.usage();
    const { bavail, bsize } = statfsSync(this.#environment.path);
    return bavail * bsize + file - live > size + untouched;
  }
}

export interface ShelfCounts {
  readonly entries: number;
  readonly bytes: number;
  /** What was not put here, or not left to its end, for want of room, since the spool was made. */
  readonly thrownAway: number;
}

/** The first key of what is kept for longer than until then. */
function firstAfter(time: number): Buffer {
  return timeKey(time + 1, 0, 0);
}
