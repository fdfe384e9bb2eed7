import type { LaneId, StoredRecord } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import { lanePrefix } from './keys.js';
import { bodyLengthOf, isUnproven } from './record.js';

/** What a record takes besides its body: header, key, LMDB's node, its part of half-filled pages. */
const overhead = 256;

/** Bytes that a record with such a body takes in a lane, about. */
export function roomFor(length: number): number {
  return length + overhead;
}

const importedKey = Buffer.from([0]);

/**
 * How much of what waits is of senders that were not proven. Two sums that only grow, as they are written by
 * different processes: what was imported, within the import's transaction, and what was judged since, lane by
 * lane, within the seal's. So their difference is true after a crash too.
 */
export class Strangers {
  readonly #db: Db<number>;

  constructor(environment: Environment) {
    this.#db = environment.db<number>('strangers');
  }

  /** Bytes in LMDB. */
  waiting(): number {
    let bytes = 0;
    for (const { key, value } of this.#db.getRange({})) {
      bytes += key.equals(importedKey) ? value : -value;
    }
    return bytes;
  }

  /** For one import, which is one transaction: counts its records, and notes their sum within it. */
  importing(): { count(entry: Buffer, lanes: number): void; note(): void } {
    const before = this.#db.get(importedKey) ?? 0;
    let sum = before;
    return {
      count: (entry, lanes) => {
        if (isUnproven(entry)) sum += roomFor(bodyLengthOf(entry)) * lanes;
      },
      note: () => {
        if (sum > before) void this.#db.put(importedKey, sum);
      },
    };
  }

  /** Prepares what a seal notes within its batch; only the claim's holder seals, one batch of a lane at a time. */
  judging(lane: LaneId, records: readonly StoredRecord[]): () => void {
    let bytes = 0;
    for (const { unproven, body } of records) if (unproven === true) bytes += roomFor(body.length);
    if (bytes === 0) return () => undefined;
    const key = lanePrefix(lane);
    const sum = (this.#db.get(key) ?? 0) + bytes;
    return () => void this.#db.put(key, sum);
  }
}
