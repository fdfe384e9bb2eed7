import type { Discard, DiscardCount, DiscardEntry, DiscardReason, LaneId } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import { laneOf, lanePrefix, timeKey } from './keys.js';

/** How many of the newest are kept, and how many more may gather before the oldest are trimmed. */
const kept = 10_000;
const slack = 1_000;

/** What failed authentication: a trail of the newest, and counts since the spool was made. */
export class Discards {
  readonly #trail: Db<DiscardEntry>;
  readonly #counts: Db<number>;
  #serial = 0;

  constructor(environment: Environment) {
    this.#trail = environment.db<DiscardEntry>('discards');
    this.#counts = environment.db<number>('discard-counts');
  }

  /**
   * Prepares the writes that note these; run the result within the batch that drops the records. Counts
   * are read here and not within: only the claim's holder writes them, one seal of a lane at a time.
   */
  noting(lane: LaneId, discarded: readonly Discard[], epoch: number): () => void {
    const counts = new Map<DiscardReason, number>();
    for (const { reason } of discarded) {
      counts.set(reason, (counts.get(reason) ?? this.#counts.get(countKey(lane, reason)) ?? 0) + 1);
    }
    const newest = discarded.slice(-kept);
    const excess = this.#excess(newest.length);
    const now = Date.now();
    return () => {
      for (const key of excess) void this.#trail.remove(key);
      for (const { record, reason } of newest) {
        const { requestId, timestamp, key } = record;
        const entry = { requestId, timestamp, lane, key, reason };
        void this.#trail.put(timeKey(now, epoch, this.#serial++), entry);
      }
      for (const [reason, count] of counts) void this.#counts.put(countKey(lane, reason), count);
    };
  }

  newest(limit: number): DiscardEntry[] {
    if (limit <= 0) return [];
    return [...this.#trail.getRange({ reverse: true, limit })].map(({ value }) => value);
  }

  counts(): DiscardCount[] {
    return [...this.#counts.getRange({})].map(({ key, value: count }) => ({
      lane: laneOf(key),
      reason: key.toString('utf8', key.indexOf(0) + 1) as DiscardReason,
      count,
    }));
  }

  #excess(coming: number): Buffer[] {
    const { entryCount } = this.#trail.getStats() as { readonly entryCount: number };
    const excess = entryCount + coming - kept;
    return excess > slack ? [...this.#trail.getKeys({ limit: excess })] : [];
  }
}

/** lane 0x00 reason */
function countKey(lane: LaneId, reason: DiscardReason): Buffer {
  return Buffer.concat([lanePrefix(lane), Buffer.from(reason)]);
}
