import type { BatchLimits, Depth, LaneId, StoredRecord, Waiting } from '../../core/index.js';
import { type Batches, sealedTo } from './batches.js';
import { positionOf } from './record.js';
import type { Records } from './records.js';

/** What waits in the lanes, in sealed batches and behind them. */
export class Queues {
  readonly #records: Records;
  readonly #batches: Batches;

  constructor(records: Records, batches: Batches) {
    this.#records = records;
    this.#batches = batches;
  }

  /** The oldest records that are in no batch. `full` tells that the limits have ended it. */
  unsealed(lane: LaneId, limits: BatchLimits): { readonly rows: StoredRecord[]; readonly full: boolean } {
    const rows: StoredRecord[] = [];
    let bytes = 0;
    const ranges = this.#records.after(lane, sealedTo(this.#batches.list(lane)));
    for (const record of this.#records.merged(lane, ranges)) {
      bytes += record.body.length;
      if (rows.length > 0 && bytes > limits.bytes) return { rows, full: true };
      rows.push(record);
      if (rows.length >= limits.rows) return { rows, full: true };
    }
    return { rows, full: false };
  }

  depth(lane: LaneId): Depth {
    const sealed = this.#batches.list(lane);
    const unsealed = this.#records
      .after(lane, sealedTo(sealed))
      .map((range) => this.#records.extent(lane, range))
      .filter((extent) => extent !== undefined);
    let count = 0;
    let bytes = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (const part of [...sealed, ...unsealed]) {
      count += part.count;
      bytes += part.bytes;
      oldest = Math.min(oldest, part.oldest);
    }
    return count === 0 ? { records: 0, bytes: 0 } : { records: count, bytes, oldest };
  }

  /** Looks at all that waits. */
  find(requestId: string): Waiting[] {
    return [...this.#records.find(requestId)].map(({ lane, record }) => {
      const { writer, sequence } = positionOf(record);
      const batch = this.#batches.holding(lane, writer, sequence);
      const { timestamp, key, body } = record;
      return { requestId, timestamp, key, lane, bytes: body.length, ...(batch && { batch: batch.id }) };
    });
  }
}
