import { asBinary } from 'lmdb';
import type { LaneId, StoredRecord } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import { afterLane, laneOf, lanePrefix, recordKey, sequenceOf, writerOf } from './keys.js';
import { merge } from './merge.js';
import {
  decodeRecord,
  encodeRecord,
  positionOf,
  type RecordPosition,
  requestIdIn,
  type StoredEntry,
  storedRecord,
} from './record.js';
import { Slab } from './slab.js';
import type { RowEnd } from './writers.js';

/** Records of one writer in one lane, one after the other, both ends included. */
export interface Range {
  readonly writer: number;
  readonly from: number;
  readonly to: number;
}

/** No writer gets as far as this. */
const lastSequence = 2 ** 48 - 1;

/** The records of all lanes, sealed or not, each stored once for each lane it is in. */
export class Records {
  readonly db: Db<StoredEntry>;

  constructor(environment: Environment) {
    const slab = new Slab();
    this.db = environment.db<StoredEntry>('records', {
      encode: encodeRecord,
      decode: (bytes) => decodeRecord(slab.copy(bytes)),
    });
  }

  /** Lanes with records. One seek for each, and one to find that there are no more. */
  lanes(): LaneId[] {
    const lanes: LaneId[] = [];
    let start: Buffer | undefined;
    for (;;) {
      const [key] = this.db.getKeys(start === undefined ? { limit: 1 } : { start, limit: 1 });
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
      const [key] = this.db.getKeys({ start, end, limit: 1 });
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
  merged(lane: LaneId, ranges: readonly Range[]): Generator<StoredRecord> {
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
   * How much lies in a range without holes, such as everything that is not sealed; `undefined` when that
   * is nothing. Two seeks, however long it is.
   */
  extent(lane: LaneId, range: Range): Extent | undefined {
    const [start, end] = bounds(lane, range);
    const [first] = this.db.getRange({ start, end, limit: 1 });
    if (first === undefined) return undefined;
    const [last = first] = this.db.getRange({ start: end, end: start, reverse: true, limit: 1 });
    return {
      count: sequenceOf(last.key) - sequenceOf(first.key) + 1,
      bytes: last.value.cumulative - first.value.cumulative + first.value.body.length,
      oldest: first.value.timestamp,
    };
  }

  /** Where a writer's row ends in the lane; what was settled before counts no more. */
  endOf(lane: LaneId, writer: number): RowEnd {
    // A range never includes its end, and sequences begin at 1.
    const [start, end] = bounds(lane, { writer, from: 0, to: lastSequence });
    const [last] = this.db.getRange({ start: end, end: start, reverse: true, limit: 1 });
    return last === undefined
      ? { sequence: 0, cumulative: 0 }
      : { sequence: sequenceOf(last.key), cumulative: last.value.cumulative };
  }

  /** Within a batch. The bytes are an entry as it is encoded, and are not changed until the commit. */
  putEncoded(lane: LaneId, { writer, sequence }: RecordPosition, entry: Buffer): void {
    void this.db.put(recordKey(lane, writer, sequence), asBinary(entry) as unknown as StoredEntry);
  }

  /** The keys of a request's records. Looks at all there are: a key has no request id in it. */
  *keysOf(requestId: string): Generator<Buffer> {
    for (const key of this.db.getKeys({})) {
      const bytes = this.db.getBinaryFast(key);
      if (bytes !== undefined && requestIdIn(bytes) === requestId) yield key;
    }
  }

  has(lane: LaneId, writer: number, sequence: number): boolean {
    return this.db.doesExist(recordKey(lane, writer, sequence));
  }

  get(lane: LaneId, writer: number, sequence: number): StoredEntry | undefined {
    return this.db.get(recordKey(lane, writer, sequence));
  }

  /** Within a batch. */
  remove(lane: LaneId, { writer, sequence }: RecordPosition): void {
    void this.db.remove(recordKey(lane, writer, sequence));
  }

  /** Within a batch. */
  removeRange(lane: LaneId, { writer, from, to }: Range): void {
    const key = recordKey(lane, writer, from);
    for (let sequence = from; sequence <= to; sequence++) {
      key.writeUIntBE(sequence, key.length - 6, 6);
      void this.db.remove(key);
    }
  }

  *#range(lane: LaneId, range: Range): Generator<StoredRecord> {
    const [start, end] = bounds(lane, range);
    const { writer } = range;
    for (const { key, value } of this.db.getRange({ start, end })) {
      yield storedRecord(value, { writer, sequence: sequenceOf(key) });
    }
  }
}

interface Extent {
  readonly count: number;
  readonly bytes: number;
  /** Seconds since the epoch of the first record. */
  readonly oldest: number;
}

/** The first key of a range and the first after it. */
function bounds(lane: LaneId, { writer, from, to }: Range): readonly [Buffer, Buffer] {
  return [recordKey(lane, writer, from), recordKey(lane, writer, Math.min(to + 1, lastSequence))];
}

/** For each writer the range from its first to its last record among these, which are in its order. */
export function rangesOf(records: Iterable<StoredRecord>): Range[] {
  const ranges = new Map<number, Range>();
  for (const record of records) {
    const { writer, sequence } = positionOf(record);
    ranges.set(writer, { writer, from: ranges.get(writer)?.from ?? sequence, to: sequence });
  }
  return [...ranges.values()].sort((a, b) => a.writer - b.writer);
}

/** At equal times the lower writer comes first, as the ranges are in order of writers. */
export function isBefore(a: StoredRecord, b: StoredRecord): boolean {
  return a.timestamp < b.timestamp;
}
