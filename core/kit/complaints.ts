import type { Logger } from '../contract/logger.js';

/** Kinds of complaint that are told apart at a time. */
const kinds = 20;

/** Says once what happens again and again, and then how often: a full disk under load must not fill the log as well. */
export class Complaints {
  readonly #logger: Logger;
  readonly #every: number;
  readonly #counts = new Map<string, number>();

  /** @param every milliseconds between two counts */
  constructor(logger: Logger, every = 60_000) {
    this.#logger = logger;
    this.#every = every;
  }

  say(message: string, fields: object = {}): void {
    const count = this.#counts.get(message);
    if (count === undefined && this.#counts.size >= kinds) return;
    if (count === undefined) {
      this.#logger.error(fields, message);
      setTimeout(() => this.#tell(message), this.#every).unref();
    }
    this.#counts.set(message, count === undefined ? 0 : count + 1);
  }

  #tell(message: string): void {
    const count = this.#counts.get(message) ?? 0;
    this.#counts.delete(message);
    if (count === 0) return;
    this.#logger.error({ count }, `${message} (${count} more times within ${this.#every / 1000} s)`);
    this.#counts.set(message, 0);
    setTimeout(() => this.#tell(message), this.#every).unref();
  }
}
