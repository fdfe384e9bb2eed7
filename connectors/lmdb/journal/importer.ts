import { failpoint } from '../../../core/host/failpoint.js';
import type { LaneId } from '../../../core/index.js';
import { type Batches, sealedTo } from '../batches.js';
import type { Db, Environment } from '../environment.js';
import type { Filling } from '../filling.js';
import { merge } from '../merge.js';
import { bodyLengthOf, setCrc, setCumulative, timestampOf } from '../record.js';
import type { Records } from '../records.js';
import type { Strangers } from '../strangers.js';
import { present, standstill, twice } from '../twice.js';
import { importedRow, type RowEnd, Writer } from '../writers.js';
import { Ends } from './ends.js';
import type { JournalFolder, SegmentFile, Segments } from './folder.js';
import { type Places, Retiring, type SpoolLogger } from './retiring.js';
import { type JournalRecord, recordsOf } from './segment.js';
import { type Place, readTail, type Tail } from './tail.js';

const placesKey = Buffer.from('places');

const what = 'how far its journals were read';

/** The database in which an importer keeps how far it is. */
export function placesIn(environment: Environment, logger: SpoolLogger): Db<Places> {
  return environment.db('journal', twice<Places>(what, logger), true);
}

/** Nothing was read yet. Within the transaction that makes the spool. */
export function beginPlaces(places: Db<Places>): void {
  void places.put(placesKey, {}, 1);
}

interface Step {
  readonly bytes: number;
  readonly more: boolean;
}

/** More records than a page holds. */
const farther = 65_536;

/** Bytes of one transaction, about. */
const chunk = 4 * 1024 * 1024;

/**
 * Moves records from the journal into LMDB, in which a lane is a range. Records and how far they go are one
 * transaction, which takes place only if nobody moved them meanwhile: so any process may do it at any time,
 * whoever reads the spool does it first, and all go on in one row, in which a writer's records keep their order
 * whatever their timestamps say.
 */
export class Importer {
  readonly #environment: Environment;
  readonly #folder: JournalFolder;
  readonly #records: Records;
  readonly #batches: Batches;
  readonly #strangers: Strangers;
  readonly #retiring: Retiring;
  readonly #places: Db<Places>;
  readonly #lanes = new Map<string, readonly LaneId[]>();
  readonly #ends = new Ends();
  #running: Promise<Step> | undefined;

  constructor(
    environment: Environment,
    places: Db<Places>,
    folder: JournalFolder,
    records: Records,
    batches: Batches,
    strangers: Strangers,
    logger: SpoolLogger,
  ) {
    this.#environment = environment;
    this.#places = places;
    this.#folder = folder;
    this.#records = records;
    this.#batches = batches;
    this.#strangers = strangers;
    this.#retiring = new Retiring(folder, logger);
  }

  /** Bytes that are not in LMDB yet, about. */
  waiting(): number {
    const places = present(this.#places.get(placesKey), what);
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

  /**
   * Moves everything that was durable when it was called.
   * @param isEnough ends it earlier
   * @param leave bytes that are not worth a move
   */
  async catchUp(isEnough = () => false, leave = 0): Promise<void> {
    this.#environment.refresh();
    let left = this.waiting();
    for (let more = true; more && left >= leave && !isEnough(); ) {
      const step = await this.advance();
      more = step.more;
      left -= step.bytes;
    }
  }

  async #advance(): Promise<Step> {
    this.#environment.refresh();
    const { value: places, version = 0 } = present(this.#places.getEntry(placesKey), what);
    // No sum is over it. Of a float that large the next one is the same: two importers would not see each other.
    if (!Number.isSafeInteger(version)) {
      throw standstill(`the version of ${what} in the spool's data.mdb was changed by its disk`);
    }
    // Listed after the places were read: a writer that is in them and has no file any more is finished.
    const segments = this.#folder.list();
    if (this.#hasMissed(places, segments)) return { bytes: 0, more: true };
    const limit = Math.ceil(chunk / Math.max(1, segments.size));
    const tails = [...segments].map(([writer, of]) => readTail(writer, of, places[writer], limit));
    const forsaken = tails.filter((tail) => tail.forsaken);
    for (const { writer, place } of forsaken) this.#close(writer, segments.get(writer) ?? [], place);
    const again = forsaken.length > 0;
    if (!this.#isNews(places, segments, tails)) return { bytes: 0, more: again };

    const after = Object.fromEntries(
      tails.map(({ writer, place, ended }) => [writer, ended ? { ...place, ended } : place]),
    );
    const strangers = this.#strangers.importing();
    const write = () => {
      const writer = new Writer(importedRow, (lane) => this.#endOf(lane));
      const filling = this.#records.filling(importedRow);
      for (const record of inOrder(tails)) {
        strangers.count(record.entry, this.#add(filling, writer, record));
      }
      filling.end();
      strangers.note();
      void this.#places.put(placesKey, after, version + 1);
    };
    failpoint?.('import.read');
    const unmoved = (run: () => void) => this.#places.ifVersion(placesKey, version, run);
    const written = await this.#environment.conditional(unmoved, write);
    failpoint?.('import.committed');
    if (written) {
      this.#retiring.reportMissing(places, segments);
      for (const tail of tails) this.#retiring.finish(tail, segments.get(tail.writer) ?? []);
    }
    failpoint?.('import.finished');
    const bytes = tails.reduce((sum, tail) => sum + tail.bytes, 0);
    return { bytes, more: again || !written || tails.some((tail) => tail.bytes >= limit) };
  }

  /** A list does not show a file that is renamed meanwhile: its writer must not count as finished. */
  #hasMissed(places: Places, segments: Segments): boolean {
    return Object.entries(places).some(
      ([writer, { segment, ended }]) =>
        !segments.has(Number(writer)) && ended !== true && this.#folder.holds(Number(writer), segment),
    );
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

  /** Where the row goes on. A damaged page may not show how far it went; no number of a sealed batch is given again. */
  #endOf(lane: LaneId): RowEnd {
    const { sequence, cumulative } = this.#records.endOf(lane, importedRow);
    return { sequence: Math.max(sequence, this.#sealedTo(lane, sequence)), cumulative };
  }

  /** Where a batch cannot be read its lane says so; the other lanes must not wait for it. */
  #sealedTo(lane: LaneId, sequence: number): number {
    try {
      return sealedTo(this.#batches.list(lane)).get(importedRow) ?? 0;
    } catch {
      return sequence + farther;
    }
  }

  /** Returns in how many lanes it is. */
  #add(filling: Filling, writer: Writer, { lanes: names, entry }: JournalRecord): number {
    const length = bodyLengthOf(entry);
    const lanes = this.#lanesOf(names);
    let bytes: Buffer | undefined;
    setCrc(entry);
    for (const lane of lanes) {
      // They are copied only once a page is full: each lane needs its own.
      bytes = bytes === undefined ? entry : Buffer.from(entry);
      const { sequence, cumulative } = writer.advance(lane, length);
      setCumulative(bytes, cumulative);
      filling.add(lane, sequence, bytes);
    }
    return lanes.length;
  }

  #close(writer: number, segments: readonly SegmentFile[], { segment }: Place): void {
    const file = segments.find((other) => other.segment === segment);
    if (file !== undefined) this.#folder.close(writer, file);
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
