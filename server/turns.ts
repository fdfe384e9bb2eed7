import type { EventEmitter } from 'node:events';

/** There are too many already. */
export class Busy extends Error {
  /** As the admin API answers. */
  readonly status = 429;
}

/** So many of what people ask run at once, and so many more wait; whoever comes then is told so at once. */
export class Turns {
  readonly #most: number;
  readonly #mostWaiting: number;
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  /** @param asker its end, as when a client leaves, ends the waiting, and what the task does */
  async run<T>(asker: EventEmitter, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const leaving = new AbortController();
    const leave = () => leaving.abort(new Error('whoever asked has left'));
    asker.once('close', leave);
    try {
      return await this.#run(leaving.signal, task);
    } finally {
      asker.off('close', leave);
    }
  }

  async #run<T>(signal: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#running >= this.#most) await this.#wait(signal);
    else this.#running += 1;
    try {
      signal.throwIfAborted();
      return await task(signal);
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** Resolves when another's turn has become one's own. */
  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#mostWaiting) {
      throw new Busy(`${this.#running + this.#waiting.size} queries run or wait already; ask again later`);
    }
    return new Promise((resolve, reject) => {
      const next = () => {
        signal.removeEventListener('abort', leave);
        this.#waiting.delete(next);
        resolve();
      };
      const leave = () => {
        this.#waiting.delete(next);
        reject(signal.reason);
      };
      this.#waiting.add(next);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
