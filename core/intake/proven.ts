import { inject, injectable } from 'inversify';
import { parts } from '../contract/keys.js';
import type { SenderId } from '../contract/sender.js';
import type { Spool } from '../contract/spool.js';

const lookEvery = 1000;
/** Senders that are asked about between two looks; the next request of one for which there was no room asks again. */
const mostAsked = 1000;
/** After so many looks a sender that is still not proven is asked about again. */
const askAgainAfter = 5;

/**
 * Who is proven, as an ack worker knows it: to about a second. It asks about others, and never waits for an answer. In a spool that does not know senders everybody is.
 */
@injectable()
export class Proven {
  readonly #spool: Spool;
  #known: ReadonlySet<SenderId> = new Set();
  #asking = new Set<SenderId>();
  #asked = new Set<SenderId>();
  #looks = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(@inject(parts.spool) spool: Spool) {
    this.#spool = spool;
  }

  has(sender: SenderId): boolean {
    return this.#known.has(sender) || this.#spool.senders === undefined;
  }

  /** Has one judged that is not proven. */
  ask(sender: SenderId): void {
    if (this.#asking.size < mostAsked && !this.#asked.has(sender)) this.#asking.add(sender);
  }

  /** Resolves after the first look: who was proven before a restart is so after it. */
  async start(): Promise<void> {
    if (this.#spool.senders === undefined) return;
    await this.#look();
    const again = () => {
      this.#timer = setTimeout(() => void this.#look().then(again), lookEvery).unref();
    };
    again();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** A spool that cannot be read or written now leaves things as they are. */
  async #look(): Promise<void> {
    const { senders } = this.#spool;
    if (senders === undefined) return;
    const asking = this.#asking;
    this.#asking = new Set();
    if (this.#looks++ % askAgainAfter === 0) this.#asked = new Set();
    try {
      if (asking.size > 0) await senders.ask([...asking]);
      for (const sender of asking) this.#asked.add(sender);
      this.#known = await senders.proven();
    } catch {
      // Whoever fails to be asked about asks again with the next request.
    }
  }
}
