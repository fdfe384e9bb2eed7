import type { DeadLetter } from '../../core/index.js';
import type { DeadLetters } from './dead-letters.js';
import type { Environment } from './environment.js';
import { recordKey } from './keys.js';
import type { Records } from './records.js';
import type { Writer, Writers } from './writers.js';

/**
 * Takes dead letters out: back into their lanes, or away. Any process may, so whether the letter is still
 * there is asked within the transaction.
 *
 * The writer is not the importer's: a sequence is drawn within the transaction, and would overtake the
 * records that wait for theirs with sequences already drawn.
 */
export class Revival {
  readonly #environment: Environment;
  readonly #records: Records;
  readonly #dead: DeadLetters;
  readonly #writers: Writers;
  #writer: Writer | undefined;

  constructor(environment: Environment, records: Records, dead: DeadLetters, writers: Writers) {
    this.#environment = environment;
    this.#records = records;
    this.#dead = dead;
    this.#writers = writers;
  }

  async revive(letter: DeadLetter): Promise<boolean> {
    try {
      return await this.#environment.transact(() => {
        const entry = this.#dead.take(letter);
        if (entry === undefined) return false;
        this.#writer ??= this.#writers.nextWithin();
        const { sequence, cumulative } = this.#writer.advance(letter.lane, entry.body.length);
        const key = recordKey(letter.lane, this.#writer.number, sequence);
        void this.#records.db.put(key, { ...entry, authenticated: true, cumulative });
        return true;
      });
    } catch (error) {
      this.#writer = undefined;
      throw error;
    }
  }

  drop(letter: DeadLetter): Promise<boolean> {
    return this.#environment.transact(() => this.#dead.take(letter) !== undefined);
  }
}
