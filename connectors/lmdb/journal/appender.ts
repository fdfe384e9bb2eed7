import { type LaneId, messageOf, OverloadedError, type SpoolRecord } from '../../../core/index.js';
import { lanePrefix } from '../keys.js';
import type { Writers } from '../writers.js';
import { JournalFile } from './file.js';
import type { JournalFolder } from './folder.js';
import { Group } from './group.js';
import { Pace } from './pace.js';

/** A group takes no more than this, except for one record that is larger. */
const largestGroup = 32 * 1024 * 1024;

const ownMemory = 256 * 1024;

/**
 * The ack path's group commit: whatever arrives while one write is under way shares the next. A write is one
 * call, durable when it returns; LMDB, which needs two flushes for a commit, gets the records later.
 *
 * Only one write is ever under way. When it fails nobody knows whether it happened, so the next one goes to a
 * new file under a new writer's number.
 */
export class Appender {
  readonly #folder: JournalFolder;
  readonly #writers: Writers;
  readonly #names = new WeakMap<readonly LaneId[], Buffer>();
  #memory: Buffer | undefined;
  #filling: Group | undefined;
  readonly #waiting: Group[] = [];
  #writing: Group | undefined;
  readonly #pace = new Pace();
  #gathering = false;
  #file: JournalFile | undefined;
  #failure: OverloadedError | undefined;

  constructor(folder: JournalFolder, writers: Writers) {
    this.#folder = folder;
    this.#writers = writers;
  }

  /** Why the newest write failed; `undefined` when it did not. */
  get failure(): OverloadedError | undefined {
    return this.#failure;
  }

  /** Bytes that are not in the journal yet. */
  get waiting(): number {
    return this.#waiting.reduce((sum, { length }) => sum + length, this.#writing?.length ?? 0);
  }

  /** @throws Error when the record cannot be stored */
  append(lanes: readonly LaneId[], record: SpoolRecord): Promise<void> {
    let group = this.#filling;
    if (group === undefined || group.length + record.body.length > largestGroup) group = this.#open();
    group.add(this.#namesOf(lanes), record);
    if (this.#writing === undefined) {
      if (group.count >= this.#pace.enough) this.#next();
      else this.#gather(group.count);
    }
    return group.done;
  }

  /** After a failure, with no traffic to try: whether a write is taken now. */
  async probe(): Promise<void> {
    if (this.#failure === undefined) return;
    const group = this.#filling ?? this.#open();
    this.#gather(0);
    await group.done;
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    for (let last = this.#last; last !== undefined; last = this.#last) await last.done.catch(() => undefined);
    this.#file?.close();
  }

  #open(): Group {
    const group = new Group(this.#memory ?? Buffer.allocUnsafeSlow(ownMemory));
    this.#memory = undefined;
    this.#filling = group;
    this.#waiting.push(group);
    return group;
  }

  /** The group that is written last, as it looks now. */
  get #last(): Group | undefined {
    return this.#waiting.at(-1) ?? this.#writing;
  }

  /**
   * Begins the next write in a turn of the event loop: whoever is here already, and whoever was answered and
   * asks again at once, may join. While half of them are waited for, only once a turn brings nobody.
   */
  #gather(before: number): void {
    if (this.#gathering) return;
    this.#gathering = true;
    setImmediate(() => {
      this.#gathering = false;
      if (this.#writing !== undefined) return;
      const count = this.#waiting[0]?.count ?? 0;
      if (count > before && this.#pace.enough < Number.POSITIVE_INFINITY) this.#gather(count);
      else this.#next();
    });
  }

  /** The next write begins before those of the one before it are answered: it need not wait for that. */
  #next(): void {
    const group = this.#waiting.shift();
    if (group === undefined) return;
    if (this.#filling === group) this.#filling = undefined;
    this.#writing = group;
    const began = performance.now();
    this.#write(group).then(
      () => {
        this.#writing = undefined;
        this.#failure = undefined;
        const waiting = this.#waiting.reduce((sum, { count }) => sum + count, 0);
        this.#pace.landed(group.count, waiting, began);
        if (waiting >= this.#pace.enough) this.#next();
        else if (this.#waiting.length > 0) this.#gather(-1);
        group.landed();
      },
      (cause) => {
        this.#writing = undefined;
        this.#failure = new OverloadedError(
          `the spool takes nothing now: ${messageOf(cause)}; see whether its disk is full or failing`,
          { cause },
        );
        if (this.#waiting.length > 0) this.#gather(-1);
        group.failed(this.#failure);
      },
    );
  }

  async #write(group: Group): Promise<void> {
    try {
      const file = this.#ready() ?? (await this.#begun());
      this.#file = file;
      await file.append(group.seal(file.writer, file.nextFrame));
      if (group.bytes.length <= ownMemory) this.#memory = group.bytes;
    } catch (error) {
      const file = this.#file;
      this.#file = undefined;
      file?.abandon();
      throw error;
    }
  }

  /** The file to go on with, if there is one. */
  #ready(): JournalFile | undefined {
    const file = this.#file;
    if (file?.isIdle === true && !file.isInPlace) {
      file.close();
      return undefined;
    }
    return file?.isFull === true ? file.next() : file;
  }

  /** A new file. A number may be taken where an older copy of the spool was put back: then the next one. */
  async #begun(): Promise<JournalFile> {
    for (;;) {
      const { number } = await this.#writers.next();
      try {
        return new JournalFile(this.#folder, number);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /** The lanes' names as they are written; the array of a pipeline's lanes is always the same one. */
  #namesOf(lanes: readonly LaneId[]): Buffer {
    let names = this.#names.get(lanes);
    if (names === undefined) {
      names = Buffer.concat(lanes.map(lanePrefix)).subarray(0, -1);
      this.#names.set(lanes, names);
    }
    return names;
  }
}
