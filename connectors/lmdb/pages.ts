import type { LaneId } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import { recordKey, sequenceOf } from './keys.js';
import { Page } from './page.js';
import type { Range } from './ranges.js';
import type { RecordPosition } from './record.js';
import { Slab } from './slab.js';

/** A page of a writer's row, as it lies in the database. */
export interface StoredPage {
  readonly key: Buffer;
  /** The sequence of its first record. */
  readonly first: number;
  readonly page: Page;
}

/** No writer gets as far as this. */
export const lastSequence = 2 ** 48 - 1;

/**
 * The pages of all lanes, each under the key of its first record. Its first and its last record are there always;
 * between them some may be gone.
 */
export class Pages {
  readonly db: Db<Page>;

  constructor(environment: Environment) {
    const slab = new Slab();
    this.db = environment.db<Page>('records', {
      encode: ({ bytes }) => bytes,
      decode: (bytes) => new Page(slab.copy(bytes)),
    });
  }

  /** Within a batch. */
  put(lane: LaneId, writer: number, first: number, page: Page): void {
    void this.db.put(recordKey(lane, writer, first), page);
  }

  /** The pages that records of the range are in. */
  *of(lane: LaneId, { writer, from, to }: Range): Generator<StoredPage> {
    const start = this.#pageKey(lane, writer, from);
    const end = recordKey(lane, writer, Math.min(to + 1, lastSequence));
    for (const { key, value: page } of this.db.getRange({ start, end })) {
      yield { key, first: sequenceOf(key), page };
    }
  }

  /** Where a record is, or would be. */
  #pageKey(lane: LaneId, writer: number, sequence: number): Buffer {
    const own = recordKey(lane, writer, sequence);
    const [key = own] = this.db.getKeys({
      start: own,
      end: recordKey(lane, writer, 0),
      reverse: true,
      limit: 1,
    });
    return key;
  }

  /**
   * Prepares to take records out; run the result within a batch in which nothing else changes their rows, as a page
   * is written anew for all that goes out of it. Whatever can fail is done before.
   */
  removing(lane: LaneId, positions: Iterable<RecordPosition>): () => void {
    return this.changing(lane, positions, [], (entry) => entry);
  }

  /** The same, and besides has others written otherwise, which stay. */
  changing(
    lane: LaneId,
    going: Iterable<RecordPosition>,
    staying: Iterable<RecordPosition>,
    change: (entry: Buffer) => Buffer,
  ): () => void {
    const rows = new Map<number, { from: number; to: number; readonly stays: Map<number, boolean> }>();
    const add = ({ writer, sequence }: RecordPosition, isStaying: boolean) => {
      const row = rows.get(writer) ?? { from: sequence, to: sequence, stays: new Map() };
      row.from = Math.min(row.from, sequence);
      row.to = Math.max(row.to, sequence);
      row.stays.set(sequence, isStaying);
      rows.set(writer, row);
    };
    for (const position of going) add(position, false);
    for (const position of staying) add(position, true);
    const steps: (() => void)[] = [];
    for (const [writer, { from, to, stays }] of rows) {
      const goes = (sequence: number) => stays.get(sequence) === false;
      const changes = (sequence: number) => stays.get(sequence) === true;
      for (const stored of this.of(lane, { writer, from, to })) {
        steps.push(this.#rewriting(lane, writer, stored, goes, changes, change));
      }
    }
    return () => all(steps);
  }

  /** The same, of a range. */
  removingRange(lane: LaneId, { writer, from, to }: Range): () => void {
    const start = this.#pageKey(lane, writer, from);
    const keys = [...this.db.getKeys({ start, end: recordKey(lane, writer, to + 1) })];
    const steps = keys.map((key, index) => {
      const first = sequenceOf(key);
      // Pages do not overlap: one that another one follows ends before that.
      if (first >= from && index + 1 < keys.length) return () => void this.db.remove(key);
      const page = this.db.get(key);
      if (page === undefined) return () => undefined;
      const isIn = (sequence: number) => sequence >= from && sequence <= to;
      return this.#rewriting(lane, writer, { key, first, page }, isIn);
    });
    return () => all(steps);
  }

  #rewriting(
    lane: LaneId,
    writer: number,
    { key, first, page }: StoredPage,
    goes: (sequence: number) => boolean,
    changes: (sequence: number) => boolean = () => false,
    change: (entry: Buffer) => Buffer = (entry) => entry,
  ): () => void {
    let any = false;
    const rest = page.without(
      (index) => {
        const isGoing = goes(first + index) && page.has(index);
        any ||= isGoing;
        return isGoing;
      },
      (index, entry) => {
        if (!changes(first + index)) return entry;
        any = true;
        return change(entry);
      },
    );
    if (!any) return () => undefined;
    return () => {
      if (rest?.from !== 0) void this.db.remove(key);
      if (rest !== undefined) this.put(lane, writer, first + rest.from, rest.page);
    };
  }
}

function all(steps: readonly (() => void)[]): void {
  for (const step of steps) step();
}
