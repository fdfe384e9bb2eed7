import type { LaneId, Logger } from '../../../core/index.js';
import type { Db, Environment } from '../environment.js';
import { merge } from '../merge.js';
import { bodyLengthOf, setCumulative, timestampOf } from '../record.js';
import type { Records } from '../records.js';
import type { Writer, Writers } from '../writers.js';
import { Ends } from './ends.js';
import type { JournalFolder, SegmentFile, Segments } from './folder.js';
import { type JournalRecord, recordsOf } from './segment.js';
import { type Place, readTail, type Tail } from './tail.js';

export type ErrorLogger = Pick<Logger, 'error'>;

/** How far each writer's journal is in LMDB. */
type Places = Readonly<Record<string, Place>>;

const placesKey = Buffer.from('places');

interface Step {
  readonly bytes: number;
  readonly more: boolean;
}

/** Bytes of one transaction, about. */
const chunk = 4 * 1024 * 1024;

/**
 * Moves records from the journal into LMDB, in which a lane is a range. Records and how far they go are one
 * transaction, which takes place only if nobody moved them meanwhile: so any process may do it at any time,
 * and whoever reads the spool does it first.
 */
export class Importer {
  readonly #environment: Environment;
  readonly #folder: JournalFolder;
  readonly #records: Records;
  readonly #writers: Writers;
  readonly #logger: ErrorLogger;
  readonly #places: Db<Places>;
  readonly #lanes = new Map<string, readonly LaneId[]>();
  readonly #damaged = new Set<string>();
  readonly #ends = new Ends();
  #writer: Writer | undefined;
  #running: Promise<Step> | undefined;

  constructor(
    environment: Environment,
    folder: JournalFolder,
    records: Records,
    writers: Writers,
    logger: ErrorLogger,
  ) {
    this.#environment = environment;
    this.#folder = folder;
    this.#records = records;
    this.#writers = writers;
    this.#logger = logger;
    this.#places = environment.db<Places>('journal', undefined, true);
  }

  /** Bytes that are not in LMDB yet, about. */
  waiting(): number {
    const places = this.#places.get(placesKey) ?? {};
    let bytes = 0;
    for (const [writer, segments] of this.#folder.list()) {
      bytes += this.#ends.bytesAfter(writer, segments, places[writer]);
    }
    return bytes;
  }

  /** Moves what is durable, or some megabytes of it. Resolves to how many bytes, and whether there is more. */
  async advance(): Promise<Step> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
    this.#running = this.#advance().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Moves everything that was durable when it was called. */
  async catchUp(): Promise<void> {
    this.#environment.refresh();
    let left = this.waiting();
    for (let more = true; more && left >= 0; ) {
      const step = await this.advance();
      more = step.more;
      left -= step.bytes;
    }
  }

  async #advance(): Promise<Step> {
    this.#environment.refresh();
    const entry = this.#places.getEntry(placesKey);
    const places = entry?.value ?? {};
    // Listed after the places were read: a writer that is in them and has no file any more is finished.
    const segments = this.#folder.list();
    const limit = Math.ceil(chunk / Math.max(1, segments.size));
    const tails = [...segments].map(([writer, of]) => readTail(writer, of, places[writer], limit));
    const forsaken = tails.filter((tail) => tail.forsaken);
    for (const { writer, place } of forsaken) this.#close(writer, segments.get(writer) ?? [], place);
    const again = forsaken.length > 0;
    if (!this.#isNews(places, segments, tails)) return { bytes: 0, more: again };

    this.#writer ??= await this.#writers.next();
    const writer = this.#writer;
    const after = Object.fromEntries(tails.map((tail) => [tail.writer, tail.place]));
    const version = entry?.version;
    const write = () => {
      for (const record of inOrder(tails)) this.#put(writer, record);
      void this.#places.put(placesKey, after, (version ?? 0) + 1);
    };
    let written = false;
    try {
      written = await this.#environment.commit(() =>
        version === undefined
          ? this.#places.ifNoExists(placesKey, write)
          : this.#places.ifVersion(placesKey, version, write),
      );
    } finally {
      // The sequences that it drew are lost, and a writer's row has no holes.
      if (!written) this.#writer = undefined;
    }
    if (written) for (const tail of tails) this.#finish(tail, segments.get(tail.writer) ?? []);
    const bytes = tails.reduce((sum, tail) => sum + tail.bytes, 0);
    return { bytes, more: again || !written || tails.some((tail) => tail.bytes >= limit) };
  }

  #isNews(places: Places, segments: Segments, tails: readonly Tail[]): boolean {
    const finished = Object.keys(places).some((writer) => !segments.has(Number(writer)));
    // A file whose removal is undone by a power cut must still find its place.
    if (finished) this.#folder.sync();
    const moved = tails.some(({ writer, place, ended }) => {
      const before = places[writer];
      return ended || before?.segment !== place.segment || before.offset !== place.offset;
    });
    return finished || moved;
  }

  #put(writer: Writer, { lanes, entry }: JournalRecord): void {
    const length = bodyLengthOf(entry);
    let bytes: Buffer | undefined;
    for (const lane of this.#lanesOf(lanes)) {
      // LMDB's thread reads the bytes later: each lane needs its own.
      bytes = bytes === undefined ? entry : Buffer.from(entry);
      const { sequence, cumulative } = writer.advance(lane, length);
      setCumulative(bytes, cumulative);
      this.#records.putEncoded(lane, { writer: writer.number, sequence }, bytes);
    }
  }

  #close(writer: number, segments: readonly SegmentFile[], { segment }: Place): void {
    const file = segments.find((other) => other.segment === segment);
    if (file !== undefined) this.#folder.close(writer, file);
  }

  /** Reports damage and gives up what is in LMDB; a damaged file is kept under another name. */
  #finish({ writer, place, ended, damages }: Tail, segments: readonly SegmentFile[]): void {
    for (const { segment, path, what } of damages) {
      this.#damaged.add(`${writer}/${segment}`);
      this.#logger.error(
        {},
        `the journal ${path} is damaged: ${what}; what can be read is kept, ` +
          'requests that were answered may be lost: look after the disk',
      );
    }
    for (const file of segments) {
      if (file.segment > place.segment || (file.segment === place.segment && !ended)) continue;
      if (this.#damaged.delete(`${writer}/${file.segment}`)) this.#folder.setAside(writer, file);
      else this.#folder.retire(writer, file);
    }
  }

  #lanesOf(names: Buffer): readonly LaneId[] {
    const text = names.toString('latin1');
    let lanes = this.#lanes.get(text);
    if (lanes === undefined) {
      lanes = names.toString('utf8').split('\0') as LaneId[];
      this.#lanes.set(text, lanes);
    }
    return lanes;
  }
}

/** About in the order of time; within a writer in the order in which it wrote. */
function inOrder(tails: readonly Tail[]): Iterable<JournalRecord> {
  return merge(
    tails.map(({ frames }) => recordsIn(frames)),
    (a, b) => timestampOf(a.entry) < timestampOf(b.entry),
  );
}

function* recordsIn(frames: readonly Buffer[]): Generator<JournalRecord> {
  for (const frame of frames) yield* recordsOf(frame);
}
