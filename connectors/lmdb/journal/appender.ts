import { type LaneId, messageOf, OverloadedError, type SpoolRecord } from '../../../core/index.js';
import { lanePrefix } from '../keys.js';
import type { Writers } from '../writers.js';
import { JournalFile } from './file.js';
import type { JournalFolder } from './folder.js';
import { Group } from './group.js';

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
  readonly #segmentLength: number;
  readonly #names = new WeakMap<readonly LaneId[], Buffer>();
  #memory: Buffer | undefined;
  #filling: Group | undefined;
  readonly #waiting: Group[] = [];
  #writing: Group | undefined;
  #file: JournalFile | undefined;
  #opening: Promise<JournalFile> | undefined;
  #running: Promise<void> | undefined;
  #failure: OverloadedError | undefined;

  /** @param segmentLength bytes at which a new file is begun */
  constructor(folder: JournalFolder, writers: Writers, segmentLength: number) {
    this.#folder = folder;
    this.#writers = writers;
    this.#segmentLength = segmentLength;
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
    if (group === undefined || group.length + record.body.length > largestGroup) group = this.#begin();
    group.add(this.#namesOf(lanes), record);
    this.#running ??= new Promise((done) => setImmediate(() => void this.#run().then(done)));
    return group.done;
  }

  /** After a failure, with no traffic to try: whether a write would be taken now. */
  async probe(): Promise<void> {
    if (this.#failure === undefined || this.#running !== undefined) return;
    const failure = this.#failure;
    await this.#open().catch(() => {
      throw failure;
    });
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    this.#file?.close();
  }

  #begin(): Group {
    const group = new Group(this.#memory ?? Buffer.allocUnsafeSlow(ownMemory));
    this.#memory = undefined;
    this.#filling = group;
    this.#waiting.push(group);
    return group;
  }

  async #run(): Promise<void> {
    for (let group = this.#waiting.shift(); group !== undefined; group = this.#waiting.shift()) {
      if (this.#filling === group) this.#filling = undefined;
      this.#writing = group;
      try {
        const file = await this.#open();
        await file.append(group.seal(file.writer, file.nextFrame));
        this.#failure = undefined;
        if (group.bytes.length <= ownMemory) this.#memory = group.bytes;
        group.landed();
      } catch (cause) {
        this.#file?.abandon();
        this.#file = undefined;
        this.#failure = new OverloadedError(
          `the spool takes nothing now: ${messageOf(cause)}; see whether its disk is full or failing`,
          { cause },
        );
        group.failed(this.#failure);
      }
    }
    this.#writing = undefined;
    this.#running = undefined;
  }

  #open(): Promise<JournalFile> {
    this.#opening ??= this.#makeOpen().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #makeOpen(): Promise<JournalFile> {
    if (this.#file !== undefined && this.#file.length >= this.#segmentLength) this.#file = this.#file.next();
    this.#file ??= new JournalFile(this.#folder, (await this.#writers.next()).number);
    return this.#file;
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
