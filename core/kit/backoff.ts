/** Exponential waiting with full jitter: between half and all of `first × 2^tries`, at most `longest`. */
export class Backoff {
  readonly #first: number;
  readonly #longest: number;
  #tries = 0;

  /** @param first milliseconds @param longest milliseconds */
  constructor(first = 250, longest = 60_000) {
    this.#first = first;
    this.#longest = longest;
  }

  /** Milliseconds to wait now; `atLeast` is what the other side asked for. */
  next(atLeast = 0): number {
    const full = Math.min(this.#longest, this.#first * 2 ** Math.min(this.#tries, 20));
    this.#tries++;
    return Math.max(atLeast, full / 2 + (Math.random() * full) / 2);
  }

  get tries(): number {
    return this.#tries;
  }

  reset(): void {
    this.#tries = 0;
  }
}

/** Resolves after so many milliseconds, or at once when the signal fires. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
