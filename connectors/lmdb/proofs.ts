import type { SenderId } from '../../core/index.js';
import type { Claim } from './claim.js';
import type { Db, Environment } from './environment.js';

/** While nobody judges. */
const mostAsked = 10_000;

const versionKey = Buffer.from([0]);

/** Senders that are proven, and those that were asked about. */
export class Proofs {
  readonly #environment: Environment;
  readonly #claim: Claim;
  readonly #asked: Db<true>;
  /** And, under `versionKey`, how often they were changed. */
  readonly #proven: Db<number>;
  #known: { readonly version: number; readonly senders: ReadonlySet<SenderId> } = {
    version: 0,
    senders: new Set(),
  };

  constructor(environment: Environment, claim: Claim) {
    this.#environment = environment;
    this.#claim = claim;
    this.#asked = environment.db<true>('asked');
    this.#proven = environment.db<number>('proven');
  }

  async ask(senders: readonly SenderId[]): Promise<void> {
    const { entryCount } = this.#asked.getStats() as { readonly entryCount: number };
    const some = senders.slice(0, Math.max(0, mostAsked - entryCount));
    if (some.length === 0) return;
    await this.#environment.batch(() => {
      for (const sender of some) void this.#asked.put(Buffer.from(sender), true);
    });
  }

  asked(): SenderId[] {
    return [...this.#asked.getKeys({})].map(senderOf);
  }

  async judge(proven: readonly SenderId[], unproven: readonly SenderId[]): Promise<void> {
    const version = (this.#proven.get(versionKey) ?? 0) + 1;
    await this.#claim.batch(() => {
      for (const sender of proven) void this.#proven.put(Buffer.from(sender), 1);
      for (const sender of unproven) void this.#proven.remove(Buffer.from(sender));
      for (const sender of [...proven, ...unproven]) void this.#asked.remove(Buffer.from(sender));
      void this.#proven.put(versionKey, version);
    });
  }

  proven(): ReadonlySet<SenderId> {
    const version = this.#proven.get(versionKey) ?? 0;
    if (version !== this.#known.version) {
      const keys = [...this.#proven.getKeys({})].filter((key) => !key.equals(versionKey));
      this.#known = { version, senders: new Set(keys.map(senderOf)) };
    }
    return this.#known.senders;
  }
}

function senderOf(key: Buffer): SenderId {
  return key.toString('latin1') as SenderId;
}
