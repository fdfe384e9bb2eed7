import type { LaneId, StoredRecord } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import { Filling } from './filling.js';
import { afterLane, laneOf, lanePrefix, recordKey, sequenceOf, writerOf } from './keys.js';
import { merge } from './merge.js';
import { Page } from './page.js';
import { isBefore, type Range } from './ranges.js';
import {
  encodeRecord,
  milestoneOf,
  positionAt,
  type RecordPosition,
  RecordReader,
  type StoredEntry,
} from './record.js';
import { Slab } from './slab.js';
import type { RowEnd } from './writers.js';

/** A page of a writer's row, as it lies in the database. */
interface Stored {
  readonly key: Buffer;
  /** The sequence of its first record. */
  readonly first: number;
  readonly page: Page;
}

/** No writer gets as far as this. */
const lastSequence = 2 ** 48 - 1;

/**
 * The records of all lanes, sealed or not, each stored once for each lane it is in. They lie in pages, each under
 * the key of its first record. Its first and its last record are there always; between them some may be gone.
 */
export class Records {
  readonly #db: Db<Page>;

  constructor(environment: Environment) {
    const slab = new Slab();
    this.#db = environment.db<Page>('records', {
      encode: ({ bytes }) => bytes,
      decode: (bytes) => new Page(slab.copy(bytes)),
    });
  }

  /** Lanes with records. One seek for each, and one to find that there are no more. */
  lanes(): LaneId[] {
    const lanes: LaneId[] = [];
    let start: Buffer | undefined;
    for (;;) {
      const [key] = this.#db.getKeys(start === undefined ? { limit: 1 } : { start, limit: 1 });
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
      const [key] = this.#db.getKeys({ start, end, limit: 1 });
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
    for (const { first, page } of this.#pages(lane, { writer, from, to: lastSequence })) {
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
    return new Filling((lane, first, page) => this.#put(lane, writer, first, page));
  }

  /** Within a batch. */
  put(lane: LaneId, { writer, sequence }: RecordPosition, entry: StoredEntry, cumulative: number): void {
    this.#put(lane, writer, sequence, Page.of([encodeRecord(entry, cumulative)]));
  }

  /** The records of a request, with their lanes. Looks at all there are: a key has no request id in it. */
  *find(requestId: string): Generator<{ readonly lane: LaneId; readonly record: StoredRecord }> {
    const reader = new RecordReader();
    for (const { key, value: page } of this.#db.getRange({})) {
      if (!page.bytes.includes(requestId, 0, 'latin1')) continue;
      for (const record of recordsIn(page, reader, writerOf(key), sequenceOf(key), 0, page.count - 1)) {
        if (record.requestId === requestId) yield { lane: laneOf(key), record };
      }
    }
  }

  get(lane: LaneId, writer: number, sequence: number): StoredRecord | undefined {
    const [record] = this.#range(lane, { writer, from: sequence, to: sequence });
    return record;
  }

  /**
   * Prepares to take records out; run the result within a batch in which nothing else changes their rows, as a page
   * is written anew for all that goes out of it. Whatever can fail is done before.
   */
  removing(lane: LaneId, positions: Iterable<RecordPosition>): () => void {
    const rows = new Map<number, { from: number; to: number; readonly sequences: Set<number> }>();
    for (const { writer, sequence } of positions) {
      const row = rows.get(writer) ?? { from: sequence, to: sequence, sequences: new Set() };
      row.from = Math.min(row.from, sequence);
      row.to = Math.max(row.to, sequence);
      row.sequences.add(sequence);
      rows.set(writer, row);
    }
    const steps: (() => void)[] = [];
    for (const [writer, { from, to, sequences }] of rows) {
      for (const stored of this.#pages(lane, { writer, from, to })) {
        steps.push(this.#trimming(lane, writer, stored, (sequence) => sequences.has(sequence)));
      }
    }
    return () => all(steps);
  }

  /** The same, of a range. */
  removingRange(lane: LaneId, { writer, from, to }: Range): () => void {
    const start = this.#pageKey(lane, writer, from);
    const keys = [...this.#db.getKeys({ start, end: recordKey(lane, writer, to + 1) })];
    const steps = keys.map((key, index) => {
      const first = sequenceOf(key);
      // Pages do not overlap: one that another one follows ends before that.
      if (first >= from && index + 1 < keys.length) return () => void this.#db.remove(key);
      const page = this.#db.get(key);
      if (page === undefined) return () => undefined;
      const isIn = (sequence: number) => sequence >= from && sequence <= to;
      return this.#trimming(lane, writer, { key, first, page }, isIn);
    });
    return () => all(steps);
  }

  #put(lane: LaneId, writer: number, first: number, page: Page): void {
    void this.#db.put(recordKey(lane, writer, first), page);
  }

  #trimming(
    lane: LaneId,
    writer: number,
    { key, first, page }: Stored,
    goes: (sequence: number) => boolean,
  ): () => void {
    let any = false;
    const rest = page.without((index) => {
      const isGoing = goes(first + index) && page.has(index);
      any ||= isGoing;
      return isGoing;
    });
    if (!any) return () => undefined;
    return () => {
      if (rest?.from !== 0) void this.#db.remove(key);
      if (rest !== undefined) this.#put(lane, writer, first + rest.from, rest.page);
    };
  }

  *#range(lane: LaneId, range: Range): Generator<StoredRecord> {
    const { writer, from, to } = range;
    const reader = new RecordReader();
    for (const { first, page } of this.#pages(lane, range)) {
      yield* recordsIn(
        page,
        reader,
        writer,
        first,
        Math.max(0, from - first),
        Math.min(page.count - 1, to - first),
      );
    }
  }

  /** The pages that records of the range are in. */
  *#pages(lane: LaneId, { writer, from, to }: Range): Generator<Stored> {
    const start = this.#pageKey(lane, writer, from);
    const end = recordKey(lane, writer, Math.min(to + 1, lastSequence));
    for (const { key, value: page } of this.#db.getRange({ start, end })) {
      yield { key, first: sequenceOf(key), page };
    }
  }

  /** Where a record is, or would be. */
  #pageKey(lane: LaneId, writer: number, sequence: number): Buffer {
    const own = recordKey(lane, writer, sequence);
    const [key = own] = this.#db.getKeys({
      start: own,
      end: recordKey(lane, writer, 0),
      reverse: true,
      limit: 1,
    });
    return key;
  }

  #lastOf(lane: LaneId, writer: number): RowEnd | undefined {
    // A range never includes its end, and sequences begin at 1.
    const [start, end] = [recordKey(lane, writer, lastSequence), recordKey(lane, writer, 0)];
    const [last] = this.#db.getRange({ start, end, reverse: true, limit: 1 });
    if (last === undefined) return undefined;
    const { key, value: page } = last;
    const { cumulative } = milestoneOf(page.entry(page.count - 1));
    return { sequence: sequenceOf(key) + page.count - 1, cumulative };
  }
}

function all(steps: readonly (() => void)[]): void {
  for (const step of steps) step();
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
