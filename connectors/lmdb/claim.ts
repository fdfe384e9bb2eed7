import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, FencedError } from '../../core/index.js';
import type { Db, Environment } from './environment.js';
import { isAlive, isForeign, isThis, type ProcessIdentity, thisProcess } from './process-identity.js';

const claimKey = Buffer.from('claim');

/** A predecessor that was told to stop finishes its batch first; this is how long a claim waits for it. */
const patience = 5_000;

/**
 * Who seals, splits and settles: an epoch that every claim counts up and every such transaction checks
 * within itself. The pid besides is for manners only.
 */
export class Claim {
  readonly #environment: Environment;
  readonly #db: Db<ProcessIdentity | null>;
  #epoch: number | undefined;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#db = environment.db<ProcessIdentity | null>('claim', undefined, true);
  }

  /** @throws FencedError when this process has no claim */
  get epoch(): number {
    if (this.#epoch === undefined) throw new FencedError(this.#lost());
    return this.#epoch;
  }

  get held(): boolean {
    return this.#epoch !== undefined;
  }

  async take(signal: AbortSignal): Promise<void> {
    const until = performance.now() + patience;
    for (;;) {
      signal.throwIfAborted();
      const other = this.#other();
      if (other === undefined) break;
      if (performance.now() > until) {
        throw new ConfigError(
          `the spool at ${this.#environment.path} is loaded by process ${other.pid}${isForeign(other) ? ' of another container' : ''} already; ` +
            'stop it, or give this one another spool path',
        );
      }
      await sleep(100, undefined, { signal });
    }
    this.#epoch = await this.#environment.transact(() => {
      const epoch = (this.#db.getEntry(claimKey)?.version ?? 0) + 1;
      void this.#db.put(claimKey, thisProcess(), epoch);
      return epoch;
    });
  }

  /**
   * All writes of `action` if the claim still stands, else none. The epoch is compared by LMDB's write
   * thread, not by a callback: other processes wait for the lock, and never for our event loop.
   * @throws FencedError when another process has claimed since
   */
  async batch(action: () => void): Promise<void> {
    const { epoch } = this;
    const written = await this.#environment.conditional(
      (run) => this.#db.ifVersion(claimKey, epoch, run),
      action,
    );
    if (!written) throw new FencedError(this.#lost());
  }

  /** @throws FencedError when another process has claimed since */
  verify(): void {
    if (this.#db.getEntry(claimKey)?.version !== this.epoch) throw new FencedError(this.#lost());
  }

  /** Let the next one claim at once. */
  async release(): Promise<void> {
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    this.#epoch = undefined;
    const free = () => this.#db.ifVersion(claimKey, epoch, () => void this.#db.put(claimKey, null, epoch));
    await this.#environment.commit(free);
  }

  #other(): ProcessIdentity | undefined {
    this.#environment.refresh();
    const claimer = this.#db.get(claimKey) ?? undefined;
    if (claimer === undefined || isThis(claimer)) return undefined;
    const lives = isForeign(claimer) ? this.#environment.isOpenElsewhere(claimer) : isAlive(claimer);
    return lives ? claimer : undefined;
  }

  #lost(): string {
    return `another process has claimed the spool at ${this.#environment.path}, or this one never did`;
  }
}
