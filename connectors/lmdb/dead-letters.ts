import { type DeadFilter, type DeadLetter, type LaneId, laneId, laneParts } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import { afterLane, deadKey, diedAtOf, laneOf, lanePrefix, pipelineRange } from './keys.js';
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
    const letters: DeadLetter[] = [];
    const limit = filter.limit ?? Number.POSITIVE_INFINITY;
    const sources = this.#lanes(filter).map((lane) => this.#lane(lane));
    for (const letter of merge<DeadLetter>(sources, (a, b) => a.diedAt < b.diedAt)) {
      if (letters.length >= limit) break;
      if (filter.requestId === undefined || filter.requestId === letter.requestId) letters.push(letter);
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

  *#lane(lane: LaneId): Generator<DeadLetter> {
    for (const { key, value } of this.#db.getRange({ start: lanePrefix(lane), end: afterLane(lane) })) {
      const { requestId, timestamp, key: requester, body } = value.entry;
      yield { requestId, timestamp, key: requester, body, lane, reason: value.reason, diedAt: diedAtOf(key) };
    }
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
