import type { LaneId } from '../../core/index.js';
import type { Codec, Db, Environment } from './environment.js';
import type { SpoolLogger } from './journal/retiring.js';
import { afterLane, batchKey, lanePrefix } from './keys.js';
import type { Range } from './ranges.js';
import { standstill, twice } from './twice.js';

/** What is written down of a sealed batch. Its bodies stay where they are, so they are written once. */
export interface BatchEntry {
  readonly id: string;
  readonly lane: LaneId;
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
  /** Absent in one that was sealed before there were serials. */
  readonly serial?: number;
}

const wholeWidth = 2 ** 47;

/** The sealed batches that are not settled. */
export class Batches {
  readonly #db: Db<Buffer>;
  readonly #codec: Codec<BatchEntry>;
  /** The lanes whose batches do not lie where they belong. */
  readonly #astray = new Set<LaneId>();

  constructor(environment: Environment, logger: SpoolLogger) {
    this.#db = environment.db('batches', asItIs);
    this.#codec = twice('a batch', logger);
  }

  /**
   * Looks at all that are there, once. No sum is over a key: a batch of which it was changed is away from its lane,
   * which would seal the same rows anew.
   */
  inspect(): void {
    for (const { key, value } of this.#db.getRange()) {
      try {
        const entry = this.#codec.decode(value);
        if (!key.equals(keyOf(entry))) this.#astray.add(entry.lane);
      } catch {
        // Its lane says so.
      }
    }
  }

  /** The batches of the lane, oldest first: normally none or one. */
  list(lane: LaneId): BatchEntry[] {
    return this.#read(lane);
  }

  first(lane: LaneId): BatchEntry | undefined {
    return this.#read(lane, 1)[0];
  }

  find(lane: LaneId, id: string): BatchEntry | undefined {
    return this.list(lane).find((entry) => entry.id === id);
  }

  /** Whether it is there, in whichever lane. */
  has(id: string): boolean {
    for (const { value } of this.#db.getRange()) {
      try {
        if (this.#codec.decode(value).id === id) return true;
      } catch {
        // Its lane says so.
      }
    }
    return false;
  }

  /** The batch that a record is in. */
  holding(lane: LaneId, writer: number, sequence: number): BatchEntry | undefined {
    const holds = (one: Range) => one.writer === writer && one.from <= sequence && sequence <= one.to;
    return this.list(lane).find(({ ranges }) => ranges.some(holds));
  }

  /** Within a batch. */
  put(entry: BatchEntry): void {
    void this.#db.put(keyOf(entry), this.#codec.encode(entry));
  }

  /** Within a batch. */
  remove(entry: BatchEntry): void {
    void this.#db.remove(keyOf(entry));
  }

  #read(lane: LaneId, limit?: number): BatchEntry[] {
    if (this.#astray.has(lane)) throw moved();
    const found = this.#db.getRange({
      start: lanePrefix(lane),
      end: afterLane(lane),
      ...(limit && { limit }),
    });
    return [...found].map(({ key, value }) => {
      const entry = this.#codec.decode(value);
      if (!key.equals(keyOf(entry))) throw moved();
      return entry;
    });
  }
}

const asItIs: Codec<Buffer> = {
  encode: (bytes) => bytes,
  decode: (bytes) => Buffer.from(bytes.subarray(0, bytes.length)),
};

function keyOf({ lane, order, place }: BatchEntry): Buffer {
  return batchKey(lane, order, place);
}

function moved(): Error {
  return standstill("the key of a batch in the spool's data.mdb was changed by its disk");
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
