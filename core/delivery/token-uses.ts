import type { TokenStore } from '../contract/token-store.js';

/** Milliseconds after which a token that goes on being used is noted again. */
const noteEvery = 60_000;
/** Milliseconds between two writes, however many tokens are used for the first time. */
const writeEvery = 1000;
/** Past so many keys all are forgotten, so that the memory for them is bounded. */
const mostRemembered = 10_000;

/**
 * Notes in the store when tokens were last used: a first use at once, as somebody may be waiting to see it, further
 * ones about once a minute. Best effort: a store that cannot note the use has still authenticated it.
 */
export class TokenUses {
  readonly #tokens: TokenStore;
  readonly #noted = new Map<string, number>();
  #used = new Map<string, Date>();
  #timer: NodeJS.Timeout | undefined;
  #lastWrite = Number.NEGATIVE_INFINITY;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(tokens: TokenStore) {
    this.#tokens = tokens;
  }

  note(keys: ReadonlySet<string>, at: Date): void {
    if (this.#tokens.touch === undefined) return;
    const now = performance.now();
    let isDue = false;
    for (const key of keys) {
      this.#used.set(key, at);
      isDue ||= now - (this.#noted.get(key) ?? Number.NEGATIVE_INFINITY) >= noteEvery;
    }
    if (!isDue || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#write(), Math.max(0, this.#lastWrite + writeEvery - now));
    this.#timer.unref();
  }

  /** Resolves when all that was used is noted. */
  async finish(): Promise<void> {
    if (this.#used.size > 0) this.#write();
    await this.#writing;
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const used = this.#used;
    this.#used = new Map();
    this.#lastWrite = performance.now();
    if (this.#noted.size + used.size > mostRemembered) this.#noted.clear();
    for (const key of used.keys()) this.#noted.set(key, this.#lastWrite);
    this.#writing = this.#writing.then(() => this.#tokens.touch?.(used)).catch(() => undefined);
  }
}
