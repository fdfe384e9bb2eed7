import type { LaneId, StoredRecord } from '../../core/index.js';
import type { Environment } from './environment.js';
import { Filling } from './filling.js';
import { afterLane, laneOf, lanePrefix, recordKey, sequenceOf, writerOf } from './keys.js';
import { merge } from './merge.js';
import { Page } from './page.js';
import { lastSequence, Pages } from './pages.js';
import { isBefore, type Range } from './ranges.js';
import {
  encodeRecord,
  milestoneOf,
  positionAt,
  type RecordPosition,
  RecordReader,
  type StoredEntry,
} from './record.js';
import type { RowEnd } from './writers.js';

/** The records of all lanes, sealed or not, each stored once for each lane it is in. They lie in pages. */
export class Records {
  readonly pages: Pages;
  readonly #reader = new RecordReader();

  constructor(environment: Environment) {
    this.pages = new Pages(environment);
  }

  /** Lanes with records. One seek for each, and one to find that there are no more. */
  lanes(): LaneId[] {
    const lanes: LaneId[] = [];
    let start: Buffer | undefined;
    for (;;) {
      const [key] = this.pages.db.getKeys(start === undefined ? { limit: 1 } : { start, limit: 1 });
      if (key === undefined) return lanes;
      const lane = laneOf(key);
      lanes.push(lane);
      start = afterLane(lane);
    }
  }

  /** Writers with records in the lane, in order of their numbers. */
  writers(lane: LaneId): number[] {
    const writers: number[] = [];
    const end = afterLane(lane);
    let start = lanePrefix(lane);
    for (;;) {
      const [key] = this.pages.db.getKeys({ start, end, limit: 1 });
      if (key === undefined) return writers;
      const writer = writerOf(key);
      writers.push(writer);
      if (writer === 0xffff_ffff) return writers;
      start = recordKey(lane, writer + 1, 0);
    }
  }

  /**
   * The records of the ranges, merged about in the order of time; within a writer the order of its
   * commits. The same records in the ranges give the same order for ever.
   */
  merged(lane: LaneId, ranges: readonly Range[]): Iterable<StoredRecord> {
    const [only, ...others] = ranges;
    if (only !== undefined && others.length === 0) return this.#range(lane, only);
    return merge(
      ranges.map((range) => this.#range(lane, range)),
      isBefore,
    );
  }

  /** What lies in the lane after these sequences, from each writer. */
  after(lane: LaneId, sealedTo: ReadonlyMap<number, number>): Range[] {
    return this.writers(lane).map((writer) => ({
      writer,
      from: (sealedTo.get(writer) ?? 0) + 1,
      to: lastSequence,
    }));
  }

  /**
   * How much lies after a sequence, where nothing is gone; `undefined` when that is nothing. A few seeks, however
   * much it is.
   */
  extent(lane: LaneId, { writer, from }: Range): Extent | undefined {
    const last = this.#lastOf(lane, writer);
    if (last === undefined || last.sequence < from) return undefined;
    for (const { first, page } of this.pages.of(lane, { writer, from, to: lastSequence })) {
      for (let index = Math.max(0, from - first); index < page.count; index++) {
        if (!page.has(index)) continue;
        const { timestamp, cumulative, bodyLength } = milestoneOf(page.entry(index));
        return {
          count: last.sequence - (first + index) + 1,
          bytes: last.cumulative - cumulative + bodyLength,
          oldest: timestamp,
        };
      }
    }
    return undefined;
  }

  /** Where a writer's row ends in the lane; what was settled before counts no more. */
  endOf(lane: LaneId, writer: number): RowEnd {
    return this.#lastOf(lane, writer) ?? { sequence: 0, cumulative: 0 };
  }

  /** Fills a writer's rows with what is next in them. */
  filling(writer: number): Filling {
    return new Filling((lane, first, page) => this.pages.put(lane, writer, first, page));
  }

  /** Within a batch. */
  put(lane: LaneId, { writer, sequence }: RecordPosition, entry: StoredEntry, cumulative: number): void {
    this.pages.put(lane, writer, sequence, Page.of([encodeRecord(entry, cumulative)]));
  }

  /** The records of a request, with their lanes. Looks at all there are: a key has no request id in it. */
  *find(requestId: string): Generator<{ readonly lane: LaneId; readonly record: StoredRecord }> {
    for (const { key, value: page } of this.pages.db.getRange({})) {
      if (!page.bytes.includes(requestId, 0, 'latin1')) continue;
      for (const record of recordsIn(page, this.#reader, writerOf(key), sequenceOf(key), 0, page.count - 1)) {
        if (record.requestId === requestId) yield { lane: laneOf(key), record };
      }
    }
  }

  get(lane: LaneId, writer: number, sequence: number): StoredRecord | undefined {
    const [record] = this.#range(lane, { writer, from: sequence, to: sequence });
    return record;
  }

  *#range(lane: LaneId, range: Range): Generator<StoredRecord> {
    const { writer, from, to } = range;
    for (const { first, page } of this.pages.of(lane, range)) {
      yield* recordsIn(
        page,
        this.#reader,
        writer,
        first,
        Math.max(0, from - first),
        Math.min(page.count - 1, to - first),
      );
    }
  }

  #lastOf(lane: LaneId, writer: number): RowEnd | undefined {
    // A range never includes its end, and sequences begin at 1.
    const [start, end] = [recordKey(lane, writer, lastSequence), recordKey(lane, writer, 0)];
    const [last] = this.pages.db.getRange({ start, end, reverse: true, limit: 1 });
    if (last === undefined) return undefined;
    const { key, value: page } = last;
    const { cumulative } = milestoneOf(page.entry(page.count - 1));
    return { sequence: sequenceOf(key) + page.count - 1, cumulative };
  }
}

export interface Extent {
  readonly count: number;
  readonly bytes: number;
  /** Seconds since the epoch of the first record. */
  readonly oldest: number;
}

/** The records of a page that are there, from one index to another. */
function* recordsIn(
  page: Page,
  reader: RecordReader,
  writer: number,
  first: number,
  from: number,
  to: number,
): Generator<StoredRecord> {
  if (from > to) return;
  const { isWhole } = page;
  let start = page.start(from);
  for (let index = from; index <= to; index++) {
    const end = page.end(index);
    if (end > start) {
      yield reader.read(page.bytes, start, end, positionAt({ writer, sequence: first + index }), isWhole);
    }
    start = end;
  }
}
