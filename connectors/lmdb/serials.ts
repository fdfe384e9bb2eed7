import type { Expectation, NewestBatch, Origin, Serials } from '../../core/index.js';
import type { Claim } from './claim.js';
import type { Db, Environment } from './environment.js';
import type { SpoolLogger } from './journal/retiring.js';
import { twice } from './twice.js';

const ownKey = Buffer.from('own');

/**
 * The spool's serial, and what it expects of destinations. Only the claim's holder raises it, and knows it in memory:
 * seals of several lanes commit in any order.
 */
export class SpoolSerials implements Omit<Serials, 'has'> {
  readonly #environment: Environment;
  readonly #db: Db<Expectation>;
  readonly #claim: Claim;
  #spool = '';
  #highest: number | undefined;

  constructor(environment: Environment, claim: Claim, logger: SpoolLogger) {
    this.#environment = environment;
    this.#db = environment.db('serials', twice<Expectation>('its serial', logger));
    this.#claim = claim;
  }

  /** @param spool its id */
  begin(spool: string): void {
    this.#spool = spool;
  }

  /** As the claim was taken: whoever had it before has raised it. */
  reread(): void {
    this.#highest = undefined;
  }

  /** The next one; to be noted, by `note`, within the batch that uses it. */
  next(): Origin {
    this.#highest = this.#read() + 1;
    return { spool: this.#spool, serial: this.#highest };
  }

  /** Within a batch. What commits last notes the highest, whichever was given first. */
  note(): void {
    if (this.#highest !== undefined) void this.#db.put(ownKey, { serial: this.#highest });
  }

  /** What has no serial was sealed before there were any. */
  originOf(serial: number | undefined): Origin | undefined {
    return serial === undefined ? undefined : { spool: this.#spool, serial };
  }

  async current(): Promise<Origin> {
    this.#environment.refresh();
    return { spool: this.#spool, serial: this.#read() };
  }

  async expect(destinations: readonly string[]): Promise<void> {
    this.#environment.refresh();
    const fresh = destinations.map(keyOf).filter((key) => this.#db.get(key) === undefined);
    const serial = this.#read();
    if (fresh.length > 0) {
      await this.#claim.batch(() => {
        for (const key of fresh) void this.#db.put(key, { serial });
      });
    }
  }

  async expectation(destination: string): Promise<Expectation | undefined> {
    this.#environment.refresh();
    return this.#db.get(keyOf(destination));
  }

  async dispute(destination: string, conflict: NewestBatch): Promise<void> {
    const { serial = this.#read() } = (await this.expectation(destination)) ?? {};
    await this.#claim.batch(() => void this.#db.put(keyOf(destination), { serial, conflict }));
  }

  async agree(destination: string, above: number): Promise<void> {
    this.#highest = Math.max(above, this.#read());
    await this.#claim.batch(() => {
      this.note();
      void this.#db.remove(keyOf(destination));
    });
  }

  accept(destination: string, conflict?: NewestBatch): Promise<boolean> {
    const key = keyOf(destination);
    return this.#environment.transact(() => {
      const accepted = conflict ?? this.#db.get(key)?.conflict;
      if (accepted === undefined) return false;
      void this.#db.put(key, { serial: accepted.serial });
      return true;
    });
  }

  #read(): number {
    if (this.#claim.held && this.#highest !== undefined) return this.#highest;
    const serial = this.#db.get(ownKey)?.serial ?? 0;
    if (this.#claim.held) this.#highest = serial;
    return serial;
  }
}

function keyOf(destination: string): Buffer {
  return Buffer.from(`of ${destination}`);
}
