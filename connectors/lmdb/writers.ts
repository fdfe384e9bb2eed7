import { randomInt } from 'node:crypto';
import type { LaneId } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import type { SpoolLogger } from './journal/retiring.js';
import { present, twice } from './twice.js';

const idKey = Buffer.from('id');
const counterKey = Buffer.from('writers');

/** Gives out writer numbers, each one once for ever. */
export class Writers {
  readonly #environment: Environment;
  readonly #meta: Db<number>;

  constructor(environment: Environment, logger: SpoolLogger) {
    this.#environment = environment;
    this.#meta = environment.db('meta', twice<number>('its id or the count of its writers', logger));
  }

  /**
   * What tells this spool from every other; made with it.
   * @param make puts what else is there from the beginning, in the same transaction
   */
  async spoolId(make: () => void): Promise<string> {
    // Not by the key: among others that were changed it may not be found.
    const [any] = this.#meta.getKeys({ limit: 1 });
    if (any === undefined) {
      const id = randomInt(2 ** 48 - 1);
      await this.#environment.commit(() =>
        this.#meta.ifNoExists(idKey, () => {
          void this.#meta.put(idKey, id);
          void this.#meta.put(counterKey, 0);
          make();
        }),
      );
      this.#environment.refresh();
    }
    return present(this.#meta.get(idKey), 'its id').toString(16).padStart(12, '0');
  }

  next(): Promise<Writer> {
    return this.#environment.transact(() => this.nextWithin());
  }

  /** Within a transaction. */
  nextWithin(): Writer {
    const number = present(this.#meta.get(counterKey), 'the count of its writers') + 1;
    void this.#meta.put(counterKey, number);
    return new Writer(number);
  }
}

/** The row of everything that comes out of the journals, whichever process moves it: no writer has this number. */
export const importedRow = 0;

/** How far a row goes in a lane. */
export interface RowEnd {
  readonly sequence: number;
  readonly cumulative: number;
}

/**
 * A row of sequences in each lane. Several writers commit in any order among themselves, and each in its own
 * order: so a reader that goes on from where it was, writer by writer, skips nothing.
 */
export class Writer {
  readonly number: number;
  readonly #endOf: (lane: LaneId) => RowEnd;
  readonly #lanes = new Map<LaneId, { sequence: number; cumulative: number }>();

  /** @param endOf where the row goes on in a lane */
  constructor(number: number, endOf: (lane: LaneId) => RowEnd = () => ({ sequence: 0, cumulative: 0 })) {
    this.number = number;
    this.#endOf = endOf;
  }

  advance(lane: LaneId, length: number): RowEnd {
    let state = this.#lanes.get(lane);
    if (state === undefined) {
      state = { ...this.#endOf(lane) };
      this.#lanes.set(lane, state);
    }
    state.sequence++;
    state.cumulative += length;
    return state;
  }
}
