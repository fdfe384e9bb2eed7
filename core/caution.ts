import type { Attempts } from './attempts.js';
import { ConfigError } from './errors.js';
import { formatBytes } from './options.js';
import type { SealedBatch } from './spool.js';

/** At so many deaths a batch is not written as any other any more. */
const suspectFrom = 2;

/**
 * The load process of all lanes dies again and again while it writes a batch: it is too large for the memory, or its
 * SDK crashes at it. Which batch that was is known by the spool's note of what is being written.
 *
 * Such a batch may have landed, its process killed before it took note of that; to write its rows under other ids
 * would then double them. So it is divided only where the destination says that it has not landed and never will:
 * where a write happens in this very process and so ended with it, as a file that is put into its place. One that is
 * written by a server, which may have the COMMIT still before it, cannot say so. There the same batch is written
 * again, alone, with no other lane's batch in memory, and less and less often, so that the other lanes go on.
 */
export class Caution {
  readonly #attempts: Attempts | undefined;
  readonly #running = new Set<Promise<unknown>>();
  /** Suspects that this process has written: a try that was given up may yet land. */
  readonly #written = new Set<string>();
  /** Resolves when a batch that is written alone has ended. */
  #alone: Promise<unknown> | undefined;

  constructor(attempts: Attempts | undefined) {
    this.#attempts = attempts;
  }

  /** How many processes died at the batch. */
  deaths({ id }: SealedBatch): number {
    return this.#attempts?.deaths(id) ?? 0;
  }

  isSuspect(batch: SealedBatch): boolean {
    return this.deaths(batch) >= suspectFrom;
  }

  /** Whether no try of this process can still land the batch. */
  isUntouched({ id }: SealedBatch): boolean {
    return !this.#written.has(id);
  }

  /** Does what writes the batch: one that is suspect alone. */
  async write<T>(batch: SealedBatch, task: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    if (!this.isSuspect(batch)) return this.#noted(batch, task);
    this.#written.add(batch.id);
    const others = [...this.#running];
    const alone = Promise.allSettled(others).then(() => this.#noted(batch, task));
    this.#alone = alone.catch(() => undefined);
    try {
      return await alone;
    } finally {
      this.#alone = undefined;
    }
  }

  /** It is over with the batch: it has landed or is divided. */
  settled({ id }: SealedBatch): void {
    this.#attempts?.end(id, true);
  }

  /** What is told of a batch that is suspect. */
  tell(batch: SealedBatch): string {
    const { id, rows, bytes } = batch;
    return (
      `the load process died ${this.deaths(batch)} times while it wrote batch ${id} of ${rows.length} rows and ` +
      `${formatBytes(bytes)}, perhaps for want of memory`
    );
  }

  async #noted<T>({ id }: SealedBatch, task: () => Promise<T>): Promise<T> {
    this.#attempts?.begin(id);
    const running = task();
    this.#running.add(running);
    let isOver = false;
    try {
      const outcome = await running;
      isOver = true;
      return outcome;
    } finally {
      this.#running.delete(running);
      this.#attempts?.end(id, isOver);
    }
  }
}

/** A batch is not written now: other lanes go on meanwhile. */
export class Postponed extends ConfigError {
  /** Milliseconds. */
  readonly delay: number;

  constructor(message: string, delay: number) {
    super(message);
    this.delay = delay;
  }
}
