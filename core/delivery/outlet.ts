import type { Batch, Destination, Retired, TableName } from '../contract/destination.js';
import { ConfigError, instructionOf, messageOf, RetryableError } from '../contract/errors.js';
import type { DestinationPolicy } from '../contract/pipeline.js';
import type { NewestBatch } from '../contract/serials.js';
import { writeQuantity } from '../kit/options.js';
import { Semaphore } from '../kit/semaphore.js';

/**
 * One destination as the lanes use it: opened once however many ask, tables made once, so many writes at
 * a time, each with a time limit. The cleverness is here, so that a destination can stay simple.
 */
export class Outlet {
  readonly name: string;
  readonly policy: DestinationPolicy;
  readonly destination: Destination;
  readonly #slots: Semaphore;
  readonly #tables = new Map<TableName, Promise<void>>();
  #opened: Promise<void> | undefined;

  constructor(name: string, destination: Destination, policy: DestinationPolicy) {
    this.name = name;
    this.destination = destination;
    this.policy = policy;
    this.#slots = new Semaphore(policy.concurrency);
  }

  /**
   * Holds one of the destination's slots for the task: it covers the reading of a batch as well as the
   * writing, so that no more batches are in memory than are being written; of a lane that is alone, one more.
   */
  slot<T>(task: () => Promise<T>): Promise<T> {
    return this.#slots.run(task);
  }

  /** How many lanes have a slot or wait for one. */
  get lanes(): number {
    return this.#slots.taken;
  }

  /** Opens the destination if it is not open. */
  open(signal: AbortSignal): Promise<void> {
    this.#opened ??= this.#limited(signal, (limit) => this.destination.open(limit)).catch((error) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /**
   * Opens the destination and makes the table, each once. A permanent error here condemns no row: it is
   * the set-up's fault.
   */
  async ready(table: TableName, signal: AbortSignal): Promise<void> {
    try {
      await this.open(signal);
      await this.#ensure(table, signal);
    } catch (error) {
      if (instructionOf(error) !== 'permanent') throw error;
      throw new ConfigError(messageOf(error), { cause: error });
    }
  }

  async #ensure(table: TableName, signal: AbortSignal): Promise<void> {
    let made = this.#tables.get(table);
    if (made === undefined) {
      made = this.#limited(signal, (limit) => this.destination.ensureTable(table, limit)).catch((error) => {
        this.#tables.delete(table);
        throw error;
      });
      this.#tables.set(table, made);
    }
    await made;
  }

  /** Of that spool's batches the one with the highest serial, once it is open. */
  async newestBatch(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    return this.#limited(signal, async (limit) => this.destination.newestBatch?.(spool, limit));
  }

  /** Gives up a batch that only dead processes have written; `undefined` where the destination cannot. */
  async retire(batch: Batch, signal: AbortSignal): Promise<Retired | undefined> {
    return this.#limited(signal, async (limit) => this.destination.retire?.(batch, limit));
  }

  /**
   * Writes a batch. When it is refused, a look at the table tells more: one that was altered or lost a grant
   * meanwhile is at fault, and not the rows; one that was dropped is made again, and takes the batch.
   */
  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    const write = () => this.#limited(signal, (limit) => this.destination.write(batch, limit));
    try {
      await write();
    } catch (error) {
      const instruction = instructionOf(error);
      if (instruction !== 'config' && instruction !== 'permanent') throw error;
      this.#tables.delete(batch.table);
      await this.ready(batch.table, signal);
      if (instruction === 'permanent') throw error;
      await write();
    }
  }

  /**
   * A call that outlives its time limit is abandoned as well as aborted: a connector that swallows the
   * signal must not hold its lane for ever. The batch's id makes the repetition harmless.
   */
  async #limited<T>(signal: AbortSignal, call: (limit: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    let release = () => {};
    const givenUp = new Promise<never>((_, reject) => {
      const giveUp = (reason: unknown) => {
        limit.abort(reason);
        reject(reason);
      };
      const stopped = () => giveUp(signal.reason);
      const timer = setTimeout(() => giveUp(this.#late()), this.policy.timeout);
      signal.addEventListener('abort', stopped);
      release = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stopped);
      };
    });
    try {
      signal.throwIfAborted();
      return await Promise.race([call(limit.signal), givenUp]);
    } finally {
      release();
    }
  }

  #late(): RetryableError {
    return new RetryableError(
      `destination ${this.name} did not finish within its timeout of ` +
        `${writeQuantity('duration', this.policy.timeout)}: see whether it is overloaded or the network to it ` +
        `is cut; or raise destinations.${this.name}.timeout`,
    );
  }

  /** Rejects even where the plugin throws. */
  async close(): Promise<void> {
    await this.destination.close();
  }
}
