import type { LaneId } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import type { SpoolLogger } from './journal/retiring.js';
import { afterLane, batchKey, lanePrefix } from './keys.js';
import type { Range } from './ranges.js';
import { twice } from './twice.js';

/** What is written down of a sealed batch. Its bodies stay where they are, so they are written once. */
export interface BatchEntry {
  readonly id: string;
  readonly count: number;
  readonly bytes: number;
  /** Seconds since the epoch. */
  readonly oldest: number;
  /** In order of writers; a discarded record leaves a hole. */
  readonly ranges: readonly Range[];
  readonly order: number;
  /** Halves of a split batch share its order and divide its place and width. */
  readonly place: number;
  readonly width: number;
}

const wholeWidth = 2 ** 47;

/** The sealed batches that are not settled. */
export class Batches {
  readonly #db: Db<BatchEntry>;

  constructor(environment: Environment, logger: SpoolLogger) {
    this.#db = environment.db('batches', twice<BatchEntry>('a batch', logger));
  }

  /** The batches of the lane, oldest first: normally none or one. */
  list(lane: LaneId): BatchEntry[] {
    return [...this.#db.getRange({ start: lanePrefix(lane), end: afterLane(lane) })].map(
      ({ value }) => value,
    );
  }

  first(lane: LaneId): BatchEntry | undefined {
    const [entry] = this.#db.getRange({ start: lanePrefix(lane), end: afterLane(lane), limit: 1 });
    return entry?.value;
  }

  find(lane: LaneId, id: string): BatchEntry | undefined {
    return this.list(lane).find((entry) => entry.id === id);
  }

  /** The batch that a record is in. */
  holding(lane: LaneId, writer: number, sequence: number): BatchEntry | undefined {
    const holds = (one: Range) => one.writer === writer && one.from <= sequence && sequence <= one.to;
    return this.list(lane).find(({ ranges }) => ranges.some(holds));
  }

  /** Within a batch. */
  put(lane: LaneId, entry: BatchEntry): void {
    void this.#db.put(batchKey(lane, entry.order, entry.place), entry);
  }

  /** Within a batch. */
  remove(lane: LaneId, entry: BatchEntry): void {
    void this.#db.remove(batchKey(lane, entry.order, entry.place));
  }
}

/** Where a new batch stands: after all others of its lane. */
export function placeAfter(batches: readonly BatchEntry[]): Pick<BatchEntry, 'order' | 'place' | 'width'> {
  return { order: (batches.at(-1)?.order ?? 0) + 1, place: 0, width: wholeWidth };
}

/** Where the halves of a batch stand: where it stood, one after the other. */
export function halvesOf(entry: BatchEntry): readonly [Place, Place] {
  const { order, place } = entry;
  const width = entry.width / 2;
  return [
    { order, place, width },
    { order, place: place + width, width },
  ];
}

type Place = Pick<BatchEntry, 'order' | 'place' | 'width'>;

/** The highest sealed sequence of each writer. */
export function sealedTo(batches: readonly BatchEntry[]): Map<number, number> {
  const highest = new Map<number, number>();
  for (const { ranges } of batches) {
    for (const { writer, to } of ranges) highest.set(writer, Math.max(to, highest.get(writer) ?? 0));
  }
  return highest;
}
