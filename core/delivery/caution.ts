import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempts } from '../contract/attempts.js';
import { ConfigError } from '../contract/errors.js';
import type { SealedBatch } from '../contract/spool.js';
import { formatBytes } from '../kit/options.js';

/** Milliseconds that lanes wait for one that writes alone, and that one for them. */
const patience = 10_000;

/** At so many deaths a batch is not written again as it is without further ado. */
const suspectFrom = 2;

/**
 * A process dies again and again while it writes a batch, the load process of all lanes or one that a destination has
 * for itself: the batch is too large for the memory, or an SDK crashes at it. Which batch that was is known by the
 * spool's note of what is being written, or by the error.
 *
 * Such a batch may have landed, its process killed before it took note of that; to write its rows under other ids
 * would then double them. So it is divided only where the destination can retire it: say that it has not landed and
 * never will. Where it cannot, the same batch is written again, less and less often, so that the other lanes go on. Whatever a process has died at is written alone, with no
 * other lane's batch in memory: so it has the most room, and the next death tells which of several it was.
 */
export class Caution {
  readonly #attempts: Attempts | undefined;
  readonly #running = new Set<Promise<unknown>>();
  /** Such batches that this process has written: a try that was given up may yet land. */
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

  /**
   * Does what writes the batch. One at which a process has died is alone at its first try, for a while: one that hangs
   * must not hold the other lanes, and one that fails has not killed.
   */
  async write<T>(batch: SealedBatch, task: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    if (this.deaths(batch) === 0 || !this.isUntouched(batch)) return this.#noted(batch, task);
    this.#written.add(batch.id);
    const others = awhile(Promise.allSettled(this.#running));
    const writing = others.then(() => this.#noted(batch, task));
    this.#alone = others
      .then(() => awhile(writing))
      .finally(() => {
        this.#alone = undefined;
      });
    return writing;
  }

  /** It is over with the batch: it has landed or is divided. */
  settled({ id }: SealedBatch): void {
    this.#attempts?.end(id, true);
  }

  /** What is told of a batch that is suspect. */
  tell(batch: SealedBatch): string {
    const { id, rows, bytes } = batch;
    return (
      `a process died ${this.deaths(batch)} times while it wrote batch ${id} of ${rows.length === 1 ? '1 row' : `${rows.length} rows`} and ` +
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
    } catch (error) {
      if ((error as { readonly killed?: boolean }).killed) {
        this.#attempts?.died(id);
        // With it every try has ended.
        this.#written.delete(id);
      }
      throw error;
    } finally {
      this.#running.delete(running);
      this.#attempts?.end(id, isOver);
    }
  }
}

/** Resolves when it has ended, or after a while. */
async function awhile(work: Promise<unknown>): Promise<void> {
  const ended = work.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([ended, sleep(patience, undefined, { ref: false })]);
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
