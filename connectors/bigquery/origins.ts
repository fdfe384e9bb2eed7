import { type Batch, type Logger, messageOf, type NewestBatch, type Origin } from 'hookline/plugin';
import type { Dataset } from './dataset.js';
import { ledgerName } from './name.js';
import type { Queries } from './queries.js';

/** What the ledger notes of where its batches are from; there is one only by `storage-write`. */
export class Origins {
  readonly #dataset: Dataset;
  readonly #queries: Queries;
  readonly #logger: Logger;
  /** Whether the ledger has columns for it. */
  #areNoted = false;
  #isTold = false;

  constructor(dataset: Dataset, queries: Queries, logger: Logger) {
    this.#dataset = dataset;
    this.#queries = queries;
    this.#logger = logger;
  }

  /** What there is to note of a batch. */
  of({ origin }: Batch): Origin | undefined {
    return this.#areNoted ? origin : undefined;
  }

  /** A ledger of before gets the columns, where the account may alter it; where not, it goes on without. */
  async ensure(signal: AbortSignal): Promise<void> {
    this.#areNoted = await this.#dataset.notesOrigins(signal);
    if (this.#areNoted) return;
    let why = 'they have other types';
    try {
      await this.#dataset.addOrigins(signal);
    } catch (error) {
      signal.throwIfAborted();
      why = messageOf(error);
    }
    // Or another process has added them.
    this.#areNoted = await this.#dataset.notesOrigins(signal);
    if (this.#areNoted || this.#isTold) return;
    this.#isTold = true;
    this.#logger.warn(
      {},
      `the ledger ${ledgerName} has no columns spool STRING and serial INT64 (${why}), so it is not noticed when the ` +
        'spool was restored from a backup or copied',
    );
  }

  /** A query, which is billed. */
  async newest(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    if (!(await this.#dataset.notesOrigins(signal))) return undefined;
    return await this.#queries.newest(spool, this.#dataset.location, signal);
  }
}
