import type { BatchLimits, Depth, LaneId, StoredRecord, Waiting } from '../../core/index.js';
import { type Batches, sealedTo } from './batches.js';
import type { Environment } from './environment.js';
import { type Range, rangesOf } from './ranges.js';
import { positionOf } from './record.js';
import type { Records } from './records.js';

/** Records that are read in one turn of the event loop: about a millisecond. */
const atOnce = 500;

interface Unsealed {
  readonly rows: StoredRecord[];
  readonly full: boolean;
}

/** What waits in the lanes, in sealed batches and behind them. */
export class Queues {
  readonly #environment: Environment;
  readonly #records: Records;
  readonly #batches: Batches;

  constructor(environment: Environment, records: Records, batches: Batches) {
    this.#environment = environment;
    this.#records = records;
    this.#batches = batches;
  }

  /**
   * The oldest records that are in no batch, of those that are there when it is called: what comes meanwhile could
   * belong between them. `full` tells that the limits have ended it.
   */
  async unsealed(lane: LaneId, limits: BatchLimits): Promise<Unsealed> {
    const rows: StoredRecord[] = [];
    let bytes = 0;
    let ranges = this.#records
      .after(lane, sealedTo(this.#batches.list(lane)))
      .map((range) => ({ ...range, to: this.#records.endOf(lane, range.writer).sequence }))
      .filter(hasAny);
    for (;;) {
      const turnEnd = rows.length + atOnce;
      for (const record of this.#records.merged(lane, ranges)) {
        bytes += record.body.length;
        if (rows.length > 0 && bytes > limits.bytes) return { rows, full: true };
        rows.push(record);
        if (rows.length >= limits.rows) return { rows, full: true };
        if (rows.length === turnEnd) break;
      }
      if (rows.length < turnEnd) return { rows, full: false };
      ranges = behind(ranges, rows.slice(-atOnce));
      await this.#environment.turn();
    }
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

/** What is left of ranges behind records that were read of them. */
function behind(ranges: readonly Range[], read: readonly StoredRecord[]): Range[] {
  const readTo = new Map(rangesOf(read).map(({ writer, to }) => [writer, to]));
  return ranges
    .map((range) => ({ ...range, from: (readTo.get(range.writer) ?? range.from - 1) + 1 }))
    .filter(hasAny);
}

function hasAny({ from, to }: Range): boolean {
  return from <= to;
}
