import type { Death, Discard, LaneId, SealedBatch, StoredRecord } from '../../core/index.js';
import { type BatchEntry, Batches, halvesOf, placeAfter, sealedTo } from './batches.js';
import type { Claim } from './claim.js';
import type { DeadLetters } from './dead-letters.js';
import type { Discards } from './discards.js';
import type { HeldDiscards } from './held-discards.js';
import type { Landed } from './landed.js';
import { merge } from './merge.js';
import { isBefore, type Range, rangesOf } from './ranges.js';
import { entryOf, positionOf } from './record.js';
import type { Records } from './records.js';
import type { Strangers } from './strangers.js';
import { mintUuid } from './uuid.js';

/** What only the claim's holder does. Each is one transaction, which checks the claim within itself. */
export class Sealing {
  readonly #claim: Claim;
  readonly #records: Records;
  readonly #batches: Batches;
  readonly #dead: DeadLetters;
  readonly #discards: Discards;
  readonly #held: HeldDiscards;
  readonly #landed: Landed;
  readonly #strangers: Strangers;

  constructor(
    claim: Claim,
    records: Records,
    batches: Batches,
    dead: DeadLetters,
    discards: Discards,
    held: HeldDiscards,
    landed: Landed,
    strangers: Strangers,
  ) {
    this.#claim = claim;
    this.#records = records;
    this.#batches = batches;
    this.#dead = dead;
    this.#discards = discards;
    this.#held = held;
    this.#landed = landed;
    this.#strangers = strangers;
  }

  /** The batch with its rows, as they were sealed. */
  load(lane: LaneId, { id, bytes, count, ranges }: BatchEntry): SealedBatch {
    const rows = [...this.#records.merged(lane, ranges)];
    if (rows.length !== count) {
      throw new Error(`batch ${id} of lane ${lane} was sealed with ${count} rows and has ${rows.length}`);
    }
    return { id, lane, rows, bytes };
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
    this.#assertUnsealed(lane, [...rangesOf(rows), ...rangesOf(dropped)], batches);
    // Replaying the ranges merges what is left in them: where records lie out of the order of time, that
    // is not the order in which they were read, once some between them are gone.
    const ordered = dropped.length === 0 ? rows : [...merge(byWriter(rows), isBefore)];
    const entry = ordered.length === 0 ? undefined : batchOf(ordered, placeAfter(batches));
    const note = this.#discards.noting(lane, discarded, epoch);
    const hold = this.#held.holding(lane, discarded, epoch);
    const count = this.#strangers.judging(lane, [...rows, ...dropped]);
    const drop = this.#records.removing(lane, dropped.map(positionOf));
    await this.#claim.batch(() => {
      if (entry !== undefined) this.#batches.put(lane, entry);
      drop();
      note();
      hold();
      count();
    });
    return entry && { id: entry.id, lane, rows: ordered, bytes: entry.bytes };
  }

  async split({ id, lane }: SealedBatch): Promise<void> {
    const entry = this.#find(lane, id);
    if (entry === undefined) return;
    const { rows } = this.load(lane, entry);
    if (rows.length < 2) throw new Error(`batch ${id} has one row, and one row cannot be split`);
    const [first, second] = halvesOf(entry);
    const middle = Math.ceil(rows.length / 2);
    await this.#claim.batch(() => {
      this.#batches.remove(lane, entry);
      this.#batches.put(lane, batchOf(rows.slice(0, middle), first));
      this.#batches.put(lane, batchOf(rows.slice(middle), second));
    });
  }

  async settle(batch: SealedBatch, outcome: 'landed' | Death): Promise<void> {
    const { id, lane } = batch;
    if (outcome === 'landed') await this.#landed.makeRoom(batch);
    const entry = this.#find(lane, id);
    if (entry === undefined) return;
    const note =
      outcome === 'landed'
        ? this.#landed.noting(batch, this.#claim.epoch)
        : this.#burying(lane, entry, outcome);
    const removals = entry.ranges.map((range) => this.#records.removingRange(lane, range));
    await this.#claim.batch(() => {
      note();
      this.#batches.remove(lane, entry);
      for (const remove of removals) remove();
    });
  }

  #burying(lane: LaneId, { id, count, ranges }: BatchEntry, { reason }: Death): () => void {
    const [range] = ranges;
    const row =
      count === 1 && range !== undefined ? this.#records.get(lane, range.writer, range.from) : undefined;
    if (row === undefined) throw new Error(`batch ${id} has ${count} rows, and only a batch of one can die`);
    const diedAt = new Date();
    return () => this.#dead.put(lane, entryOf(row), reason, diedAt);
  }

  /** A batch that is not there was settled or split by a try whose answer was lost; unless the claim is. */
  #find(lane: LaneId, id: string): BatchEntry | undefined {
    const entry = this.#batches.find(lane, id);
    if (entry === undefined) this.#claim.verify();
    return entry;
  }

  /** Sealing what is sealed or settled already would double it. */
  #assertUnsealed(lane: LaneId, ranges: readonly Range[], batches: readonly BatchEntry[]): void {
    const highest = sealedTo(batches);
    for (const { writer, from, to } of ranges) {
      const there = this.#records.has(lane, writer, from) && this.#records.has(lane, writer, to);
      if (!there || from <= (highest.get(writer) ?? 0)) {
        this.#claim.verify();
        throw new Error(`records that are given to seal in lane ${lane} were sealed already; read again`);
      }
    }
  }
}

function batchOf(
  rows: readonly StoredRecord[],
  place: Pick<BatchEntry, 'order' | 'place' | 'width'>,
): BatchEntry {
  let bytes = 0;
  let oldest = Number.POSITIVE_INFINITY;
  for (const { body, timestamp } of rows) {
    bytes += body.length;
    oldest = Math.min(oldest, timestamp);
  }
  return { id: mintUuid(), count: rows.length, bytes, oldest, ranges: rangesOf(rows), ...place };
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
