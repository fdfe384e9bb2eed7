import type { Death, Discard, LaneId, SealedBatch, StoredRecord, TableName } from '../../core/index.js';
import { type BatchEntry, Batches, halvesOf, placeAfter, sealedTo } from './batches.js';
import type { Claim } from './claim.js';
import type { DeadLetters } from './dead-letters.js';
import type { Discards } from './discards.js';
import type { HeldDiscards } from './held-discards.js';
import type { SpoolLogger } from './journal/retiring.js';
import type { Landed } from './landed.js';
import { merge } from './merge.js';
import { endsOf, isBefore, rangesOf } from './ranges.js';
import { asProven, entryOf, positionOf } from './record.js';
import type { Records } from './records.js';
import type { SpoolSerials } from './serials.js';
import type { Strangers } from './strangers.js';
import { mintUuid } from './uuid.js';

/** What only the claim's holder does. Each is one transaction, which checks the claim within itself. */
export class Sealing {
  readonly #claim: Claim;
  readonly #serials: SpoolSerials;
  readonly #records: Records;
  readonly #batches: Batches;
  readonly #dead: DeadLetters;
  readonly #discards: Discards;
  readonly #held: HeldDiscards;
  readonly #landed: Landed;
  readonly #strangers: Strangers;
  readonly #logger: SpoolLogger;
  /** The batches of which it was told that they have lost rows. */
  readonly #told = new Set<string>();

  constructor(
    claim: Claim,
    serials: SpoolSerials,
    records: Records,
    batches: Batches,
    dead: DeadLetters,
    discards: Discards,
    held: HeldDiscards,
    landed: Landed,
    strangers: Strangers,
    logger: SpoolLogger,
  ) {
    this.#claim = claim;
    this.#serials = serials;
    this.#records = records;
    this.#batches = batches;
    this.#dead = dead;
    this.#discards = discards;
    this.#held = held;
    this.#landed = landed;
    this.#strangers = strangers;
    this.#logger = logger;
  }

  /** The oldest batch of a lane, or the newest, or one so many before that, with its rows as they were sealed. */
  async unsettled(lane: LaneId, which: 'oldest' | 'newest' | number): Promise<SealedBatch | undefined> {
    for (;;) {
      const entry =
        which === 'oldest'
          ? this.#batches.first(lane)
          : this.#batches.list(lane).at(-1 - (which === 'newest' ? 0 : which));
      if (entry === undefined) return undefined;
      const batch = this.#load(lane, entry);
      if (batch.rows.length > 0) return batch;
      await this.#claim.batch(() => this.#batches.remove(entry));
    }
  }

  /** A page that the disk has damaged from end to end is one damaged record, in whichever batch its first one is. */
  #load(lane: LaneId, { id, bytes, count, ranges, serial }: BatchEntry): SealedBatch {
    const rows = [...this.#records.merged(lane, ranges)];
    const what = `batch ${id} of lane ${lane} was sealed with ${count} rows and has ${rows.length}`;
    if (rows.length > count) throw new Error(what);
    if (rows.length < count && !this.#told.has(id)) {
      this.#told.add(id);
      this.#logger.error(
        {},
        `${what}: the spool's disk has changed it; what is left of it goes on, the other rows are lost unless they ` +
          'have landed; look after the disk',
      );
    }
    const origin = this.#serials.originOf(serial);
    return { id, lane, rows, bytes, ...(origin && { origin }) };
  }

  async seal(
    lane: LaneId,
    rows: readonly StoredRecord[],
    discarded: readonly Discard[],
  ): Promise<SealedBatch | undefined> {
    const epoch = this.#claim.epoch;
    await this.#held.makeRoom(discarded);
    const batches = this.#batches.list(lane);
    const dropped = discarded.map(({ record }) => record);
    this.#assertUnsealed(
      lane,
      [rows, dropped].flatMap((some) => [...endsOf(some).values()].flat()),
      batches,
    );
    // Replaying the ranges merges what is left in them: where records lie out of the order of time, that
    // is not the order in which they were read, once some between them are gone.
    const ordered = dropped.length === 0 ? rows : [...merge(byWriter(rows), isBefore)];
    const origin = ordered.length === 0 ? undefined : this.#serials.next();
    const entry = origin && { ...batchOf(lane, ordered, placeAfter(batches)), serial: origin.serial };
    const note = this.#discards.noting(lane, discarded, epoch);
    const hold = this.#held.holding(lane, discarded, epoch);
    const count = this.#strangers.judging(lane, [...rows, ...dropped]);
    const drop = this.#records.pages.removing(lane, dropped.map(positionOf));
    await this.#claim.batch(() => {
      if (entry !== undefined) this.#batches.put(entry);
      this.#serials.note();
      drop();
      note();
      hold();
      count();
    });
    return entry && origin && { id: entry.id, lane, rows: ordered, bytes: entry.bytes, origin };
  }

  /** Takes what was judged before its time out of the share of unproven records. */
  async clear(lane: LaneId, proven: readonly StoredRecord[], discarded: readonly Discard[]): Promise<void> {
    const epoch = this.#claim.epoch;
    await this.#held.makeRoom(discarded);
    const dropped = discarded.map(({ record }) => record);
    const note = this.#discards.noting(lane, discarded, epoch);
    const hold = this.#held.holding(lane, discarded, epoch);
    const count = this.#strangers.judging(lane, [...proven, ...dropped]);
    const change = this.#records.pages.changing(
      lane,
      dropped.map(positionOf),
      proven.map(positionOf),
      asProven,
    );
    await this.#claim.batch(() => {
      change();
      note();
      hold();
      count();
    });
  }

  async split({ id, lane }: SealedBatch): Promise<void> {
    const entry = this.#find(lane, id);
    if (entry === undefined) return;
    const { rows } = this.#load(lane, entry);
    if (rows.length < 2) throw new Error(`batch ${id} has one row, and one row cannot be split`);
    const [first, second] = halvesOf(entry);
    const middle = Math.ceil(rows.length / 2);
    const halves = [
      { ...batchOf(lane, rows.slice(0, middle), first), serial: this.#serials.next().serial },
      { ...batchOf(lane, rows.slice(middle), second), serial: this.#serials.next().serial },
    ];
    await this.#claim.batch(() => {
      this.#batches.remove(entry);
      for (const half of halves) this.#batches.put(half);
      this.#serials.note();
    });
  }

  async settle(batch: SealedBatch, outcome: 'landed' | Death, table?: TableName): Promise<void> {
    const { id, lane } = batch;
    if (outcome === 'landed') await this.#landed.makeRoom(batch);
    const entry = this.#find(lane, id);
    if (entry === undefined) return;
    const note =
      outcome === 'landed'
        ? this.#landed.noting(batch, this.#claim.epoch, table)
        : this.#burying(lane, entry, outcome);
    const removals = entry.ranges.map((range) => this.#records.pages.removingRange(lane, range));
    await this.#claim.batch(() => {
      note();
      this.#batches.remove(entry);
      for (const remove of removals) remove();
    });
  }

  #burying(lane: LaneId, entry: BatchEntry, { reason }: Death): () => void {
    const { id, rows } = this.#load(lane, entry);
    const [row] = rows;
    if (row === undefined || rows.length > 1) {
      throw new Error(`batch ${id} has ${rows.length} rows, and only a batch of one can die`);
    }
    const diedAt = this.#dead.timeFor(lane, row.requestId);
    return () => this.#dead.put(lane, entryOf(row), reason, diedAt);
  }

  /** A batch that is not there was settled or split by a try whose answer was lost; unless the claim is. */
  #find(lane: LaneId, id: string): BatchEntry | undefined {
    const entry = this.#batches.find(lane, id);
    if (entry === undefined) this.#claim.verify();
    return entry;
  }

  /**
   * Sealing what is sealed or settled already would double it. A row that has run empty begins again: so others may
   * lie by now where these were.
   * @param ends first and last records
   */
  #assertUnsealed(lane: LaneId, ends: readonly StoredRecord[], batches: readonly BatchEntry[]): void {
    const highest = sealedTo(batches);
    for (const record of ends) {
      const { writer, sequence } = positionOf(record);
      const isThere = this.#records.get(lane, writer, sequence)?.requestId === record.requestId;
      if (!isThere || sequence <= (highest.get(writer) ?? 0)) {
        this.#claim.verify();
        throw new Error(`records that are given to seal in lane ${lane} were sealed already; read again`);
      }
    }
  }
}

function batchOf(
  lane: LaneId,
  rows: readonly StoredRecord[],
  place: Pick<BatchEntry, 'order' | 'place' | 'width'>,
): BatchEntry {
  let bytes = 0;
  let oldest = Number.POSITIVE_INFINITY;
  for (const { body, timestamp } of rows) {
    bytes += body.length;
    oldest = Math.min(oldest, timestamp);
  }
  return { id: mintUuid(), lane, count: rows.length, bytes, oldest, ranges: rangesOf(rows), ...place };
}

/** In order of writers, as the replay has them. */
function byWriter(rows: readonly StoredRecord[]): StoredRecord[][] {
  const groups = new Map<number, StoredRecord[]>();
  for (const row of rows) {
    const { writer } = positionOf(row);
    const group = groups.get(writer);
    if (group === undefined) groups.set(writer, [row]);
    else group.push(row);
  }
  return [...groups.entries()].sort(([a], [b]) => a - b).map(([, group]) => group);
}
