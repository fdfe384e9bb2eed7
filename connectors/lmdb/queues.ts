import type { BatchLimits, Depth, LaneId, StoredRecord, Waiting } from '../../core/index.js';
import { type BatchEntry, type Batches, sealedTo } from './batches.js';
import type { Environment } from './environment.js';
import { type Range, rangesOf } from './ranges.js';
import { positionOf, type RecordPosition } from './record.js';
import type { Extent, Records } from './records.js';

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
   * @param after the last of each writer that are left out, with all before them
   */
  async unsealed(
    lane: LaneId,
    limits: BatchLimits,
    after: readonly RecordPosition[] = [],
  ): Promise<Unsealed> {
    const rows: StoredRecord[] = [];
    let bytes = 0;
    const begins = sealedTo(this.#batches.list(lane));
    for (const { writer, sequence } of after) begins.set(writer, Math.max(begins.get(writer) ?? 0, sequence));
    let ranges = this.#records
      .after(lane, begins)
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

  /** Whether what is in no batch is enough for one. */
  fills(lane: LaneId, limits: BatchLimits): boolean {
    const { records, bytes } = sum(this.#behind(lane, this.#batches.list(lane)));
    return records >= limits.rows || bytes > limits.bytes;
  }

  depth(lane: LaneId): Depth {
    const sealed = this.#batches.list(lane);
    return sum([...sealed, ...this.#behind(lane, sealed)]);
  }

  #behind(lane: LaneId, sealed: readonly BatchEntry[]): Extent[] {
    return this.#records
      .after(lane, sealedTo(sealed))
      .map((range) => this.#records.extent(lane, range))
      .filter((extent) => extent !== undefined);
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

function sum(extents: readonly Extent[]): Depth {
  let records = 0;
  let bytes = 0;
  let oldest = Number.POSITIVE_INFINITY;
  for (const extent of extents) {
    records += extent.count;
    bytes += extent.bytes;
    oldest = Math.min(oldest, extent.oldest);
  }
  return records === 0 ? { records, bytes } : { records, bytes, oldest };
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
