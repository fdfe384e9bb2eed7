import { inject, injectable } from 'inversify';
import { instructionOf, messageOf } from '../contract/errors.js';
import { keys, parts } from '../contract/keys.js';
import type { Logger } from '../contract/logger.js';
import type { SenderId } from '../contract/sender.js';
import type { Spool } from '../contract/spool.js';
import { Backoff, pause } from '../kit/backoff.js';
import { Authenticator } from './authenticator.js';

const lookEvery = 1000;
/** A token that was deactivated proves its sender for so long at most, in milliseconds. It lands nothing meanwhile. */
const reviewEvery = 60_000;

/**
 * Judges senders for the ack workers. It needs the token store and no warehouse: so a new token is proven within
 * seconds also while its pipeline is paused or its warehouse down.
 */
@injectable()
export class Prover {
  readonly #spool: Spool;
  #authenticator: Authenticator;
  readonly #logger: Logger;
  readonly #end = new AbortController();
  #reviewedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(
    @inject(parts.spool) spool: Spool,
    @inject(Authenticator) authenticator: Authenticator,
    @inject(keys.logger) logger: Logger,
  ) {
    this.#spool = spool;
    this.#authenticator = authenticator;
    this.#logger = logger;
  }

  /** To be called by whoever holds the spool's claim. */
  start(): void {
    this.#running = this.#run();
  }

  /** From the next look on, this one judges. */
  change(authenticator: Authenticator): void {
    this.#authenticator = authenticator;
  }

  async stop(): Promise<void> {
    this.#end.abort(new Error('shutting down'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const backoff = new Backoff(lookEvery, 15_000);
    let complaint = '';
    while (!signal.aborted) {
      let wait = lookEvery;
      try {
        await this.#look(signal);
        backoff.reset();
        complaint = '';
      } catch (error) {
        if (signal.aborted || instructionOf(error) === 'fenced') return;
        wait = backoff.next();
        const message = messageOf(error);
        if (message !== complaint) this.#logger.warn({}, `no sender can be proven now: ${message}`);
        complaint = message;
      }
      await pause(wait, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { senders } = this.#spool;
    if (senders === undefined) return;
    const asked = await senders.asked();
    const now = performance.now();
    const review = now - this.#reviewedAt >= reviewEvery;
    const known = review ? await senders.proven() : new Set<SenderId>();
    const judged = [...new Set([...asked, ...known])];
    if (judged.length > 0) {
      const good = await this.#authenticator.vouch(judged, signal);
      const bad = judged.filter((sender) => !good.has(sender));
      if (asked.length > 0 || bad.length > 0) await senders.judge([...good], bad);
    }
    if (review) this.#reviewedAt = now;
  }
}
