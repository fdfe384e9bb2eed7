import { failpoint } from '../../core/host/failpoint.js';
import type { DeadLetter, HeldDiscard, LaneId } from '../../core/index.js';
import type { DeadLetters } from './dead-letters.js';
import type { Environment } from './environment.js';
import type { HeldDiscards } from './held-discards.js';
import type { StoredEntry } from './record.js';
import type { Records } from './records.js';
import type { Writer, Writers } from './writers.js';

/**
 * Takes dead letters and what is held out: back into their lanes, or away. Any process may, so whether one is
 * still there is asked within the transaction.
 *
 * The writer is not the importer's: a sequence is drawn within the transaction, and would overtake the
 * records that wait for theirs with sequences already drawn.
 */
export class Revival {
  readonly #environment: Environment;
  readonly #records: Records;
  readonly #dead: DeadLetters;
  readonly #held: HeldDiscards;
  readonly #writers: Writers;
  #writer: Writer | undefined;

  constructor(
    environment: Environment,
    records: Records,
    dead: DeadLetters,
    held: HeldDiscards,
    writers: Writers,
  ) {
    this.#environment = environment;
    this.#records = records;
    this.#dead = dead;
    this.#held = held;
    this.#writers = writers;
  }

  /** As authenticated: it was, before it died. */
  revive(letter: DeadLetter): Promise<boolean> {
    return this.#putBack(letter.lane, () => {
      const entry = this.#dead.take(letter);
      return entry && { ...entry, authenticated: true };
    });
  }

  /** To be authenticated anew. */
  release(held: HeldDiscard): Promise<boolean> {
    return this.#putBack(held.lane, () => {
      const entry = this.#held.take(held);
      return entry && { ...entry, released: true };
    });
  }

  drop(letter: DeadLetter): Promise<boolean> {
    return this.#environment.transact(() => this.#dead.take(letter) !== undefined);
  }

  dropHeld(held: HeldDiscard): Promise<boolean> {
    return this.#environment.transact(() => this.#held.take(held) !== undefined);
  }

  async #putBack(lane: LaneId, take: () => StoredEntry | undefined): Promise<boolean> {
    failpoint?.('row.reviving');
    try {
      let writer = this.#writer;
      const revived = await this.#environment.transact(() => {
        // First what may throw: LMDB commits what was put before.
        writer ??= this.#writers.nextWithin();
        const entry = take();
        if (entry === undefined) return false;
        const { sequence, cumulative } = writer.advance(lane, entry.body.length);
        this.#records.put(lane, { writer: writer.number, sequence }, entry, cumulative);
        return true;
      });
      // Only now is its number nobody else's.
      this.#writer = writer;
      failpoint?.('row.revived');
      return revived;
    } catch (error) {
      this.#writer = undefined;
      throw error;
    }
  }
}
