import { type LaneId, messageOf, OverloadedError, type SpoolRecord } from '../../core/index.js';
import type { Environment } from './environment.js';
import { recordKey } from './keys.js';
import { newEntry } from './record.js';
import type { Records } from './records.js';
import type { Writer, Writers } from './writers.js';

interface Waiting {
  readonly lanes: readonly LaneId[];
  readonly record: SpoolRecord;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** One commit takes no more than this, so that others get the write lock in between. */
const commitBytes = 32 * 1024 * 1024;

/**
 * The ack path's group commit: whatever arrives while one flush is under way shares the next.
 *
 * Only one commit of a writer is ever under way. When it fails nobody knows whether it happened, so the
 * next one is another writer's: that keeps every writer's sequence without holes and in commit order.
 */
export class Appender {
  readonly #environment: Environment;
  readonly #records: Records;
  readonly #writers: Writers;
  #waiting: Waiting[] = [];
  #writer: Writer | undefined;
  #running: Promise<void> | undefined;
  #failure: OverloadedError | undefined;

  constructor(environment: Environment, records: Records, writers: Writers) {
    this.#environment = environment;
    this.#records = records;
    this.#writers = writers;
  }

  /** Why the newest commit failed; `undefined` when it did not. */
  get failure(): OverloadedError | undefined {
    return this.#failure;
  }

  append(lanes: readonly LaneId[], record: SpoolRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lanes, record, resolve, reject });
      this.#running ??= new Promise((done) => setImmediate(() => void this.#run().then(done)));
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#next();
      try {
        await this.#commit(group);
        this.#failure = undefined;
        for (const { resolve } of group) resolve();
      } catch (cause) {
        this.#writer = undefined;
        this.#failure = new OverloadedError(
          `the spool takes nothing now: ${messageOf(cause)}; see whether its disk is full or failing`,
          { cause },
        );
        for (const { reject } of group) reject(this.#failure);
      }
    }
    this.#running = undefined;
  }

  #next(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { lanes, record } of this.#waiting) {
      bytes += lanes.length * record.body.length;
      if (count > 0 && bytes > commitBytes) break;
      count++;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    this.#writer ??= await this.#writers.next();
    const writer = this.#writer;
    await this.#environment.batch(() => {
      for (const { lanes, record } of group) {
        for (const lane of lanes) {
          const { sequence, cumulative } = writer.advance(lane, record.body.length);
          void this.#records.db.put(recordKey(lane, writer.number, sequence), newEntry(record, cumulative));
        }
      }
    });
  }
}
