import { type DeadFilter, type DeadLetter, type LaneId, laneId, laneParts } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import { afterLane, deadKey, diedAtOf, laneOf, lanePrefix, pipelineRange, requestIdOf } from './keys.js';
import { merge } from './merge.js';
import { decodeRecord, encodeRecord, type StoredEntry } from './record.js';

interface Dead {
  readonly reason: string;
  readonly entry: StoredEntry;
}

/** Rows that their warehouse will never take, with their bodies. */
export class DeadLetters {
  readonly #db: Db<Dead>;

  constructor(environment: Environment) {
    this.#db = environment.db<Dead>('dead', { encode, decode });
  }

  list(filter: DeadFilter): DeadLetter[] {
    const { limit = Number.POSITIVE_INFINITY, bytes = Number.POSITIVE_INFINITY } = filter;
    const letters: DeadLetter[] = [];
    let sum = 0;
    for (const letter of this.#matching(filter)) {
      sum += letter.body.length;
      if (letters.length >= limit || (letters.length > 0 && sum > bytes)) break;
      letters.push(letter);
    }
    return letters;
  }

  counts(): Map<LaneId, number> {
    return new Map(
      this.#lanes({}).map((lane) => [
        lane,
        this.#db.getKeysCount({ start: lanePrefix(lane), end: afterLane(lane) }),
      ]),
    );
  }

  /** When a request dies that dies now: a little later where there is a letter of it of this moment. */
  timeFor(lane: LaneId, requestId: string): Date {
    let time = Date.now();
    while (this.#db.doesExist(deadKey(lane, new Date(time), requestId))) time++;
    return new Date(time);
  }

  /** Within a batch. */
  put(lane: LaneId, entry: StoredEntry, reason: string, diedAt: Date): void {
    void this.#db.put(deadKey(lane, diedAt, entry.requestId), { reason, entry });
  }

  /** Within a transaction: takes the letter out; `undefined` when it is not there. */
  take(letter: DeadLetter): StoredEntry | undefined {
    const key = deadKey(letter.lane, letter.diedAt, letter.requestId);
    const dead = this.#db.get(key);
    if (dead === undefined) return undefined;
    void this.#db.remove(key);
    return dead.entry;
  }

  *#matching(filter: DeadFilter): Generator<DeadLetter> {
    const reason = filter.reason?.toLowerCase();
    const sources = this.#lanes(filter).map((lane) => this.#keys(lane, filter.after));
    // At a tie the first lane goes first: the order that `#keys` goes on in.
    for (const key of merge<Buffer>(sources, (a, b) => diedAtOf(a) < diedAtOf(b))) {
      if (filter.requestId !== undefined && filter.requestId !== requestIdOf(key)) continue;
      const dead = this.#db.get(key);
      if (dead === undefined) continue;
      if (reason !== undefined && !dead.reason.toLowerCase().includes(reason)) continue;
      yield letterOf(key, dead);
    }
  }

  /** The lane's keys, or those that come after a letter where the lanes are merged. */
  *#keys(lane: LaneId, after: DeadFilter['after']): Generator<Buffer> {
    const start = after === undefined ? lanePrefix(lane) : startAfter(lane, after);
    yield* this.#db.getKeys({ start, end: afterLane(lane) });
  }

  #lanes({ pipeline, destination }: DeadFilter): LaneId[] {
    if (pipeline !== undefined && destination !== undefined) return [laneId(pipeline, destination)];
    const range = pipeline === undefined ? {} : pipelineRange(pipeline);
    const lanes: LaneId[] = [];
    let from: { start?: Buffer; end?: Buffer } = range;
    for (;;) {
      const [key] = this.#db.getKeys({ ...from, limit: 1 });
      if (key === undefined) return lanes;
      const lane = laneOf(key);
      if (destination === undefined || laneParts(lane).destination === destination) lanes.push(lane);
      from = { ...range, start: afterLane(lane) };
    }
  }
}

function letterOf(key: Buffer, { reason, entry }: Dead): DeadLetter {
  const { requestId, timestamp, key: requester, body } = entry;
  return { requestId, timestamp, key: requester, body, lane: laneOf(key), reason, diedAt: diedAtOf(key) };
}

/** The first key of the lane that may follow the letter: among deaths of one time lanes go in their order. */
function startAfter(lane: LaneId, after: NonNullable<DeadFilter['after']>): Buffer {
  const order = Buffer.compare(lanePrefix(lane), lanePrefix(after.lane));
  if (order > 0) return deadKey(lane, after.diedAt, '');
  if (order < 0) return deadKey(lane, new Date(after.diedAt.getTime() + 1), '');
  return Buffer.concat([deadKey(lane, after.diedAt, after.requestId), Buffer.alloc(1)]);
}

/** Length of the reason (uint32), the reason in UTF-8, the record. */
function encode({ reason, entry }: Dead): Buffer {
  const text = Buffer.from(reason);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, encodeRecord(entry)]);
}

function decode(bytes: Buffer): Dead {
  const own = Buffer.from(bytes.subarray(0, bytes.length));
  const end = 4 + own.readUInt32BE();
  return { reason: own.toString('utf8', 4, end), entry: decodeRecord(own.subarray(end)) };
}
