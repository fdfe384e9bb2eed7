import { type Batch, type Logger, messageOf, type NewestBatch, type Origin } from 'hookline/plugin';
import type { Schema } from './schema.js';
import { lockTimeout } from './session.js';
import type { Sessions } from './sessions.js';
import { additionOf, type Column, ledgerColumns, misfit, missingIn, originColumns } from './table.js';

/** What the ledger notes of where its batches are from. */
export class Origins {
  readonly #sessions: Sessions;
  readonly #schema: Schema;
  readonly #ledger: string;
  readonly #logger: Logger;
  /** Whether the ledger has columns for it. */
  #areNoted = false;
  #isTold = false;

  constructor(sessions: Sessions, schema: Schema, ledger: string, logger: Logger) {
    this.#sessions = sessions;
    this.#schema = schema;
    this.#ledger = ledger;
    this.#logger = logger;
  }

  /** What there is to note of a batch. */
  of({ origin }: Batch): Origin | undefined {
    return this.#areNoted ? origin : undefined;
  }

  /**
   * A ledger of before gets the columns, where the role may alter it; where not, it goes on without.
   * @param found the columns that the ledger has
   */
  async ensure(found: readonly Column[], signal: AbortSignal): Promise<void> {
    this.#areNoted = haveOrigins(found);
    if (this.#areNoted) return;
    const ledger = this.#schema.quote(this.#ledger);
    let why = 'they have other types';
    try {
      await this.#sessions.use('altering it', signal, async (session) => {
        // A lock that someone holds on the ledger must not hold the lanes.
        await session.run(signal, 'ALTER SESSION SET LOCK_TIMEOUT = 3');
        for (const column of missingIn(found, originColumns)) {
          await session.run(signal, additionOf(ledger, [column]));
        }
        await session.run(signal, `ALTER SESSION SET LOCK_TIMEOUT = ${lockTimeout}`);
      });
    } catch (error) {
      signal.throwIfAborted();
      why = messageOf(error);
    }
    // Or another process has added them.
    this.#areNoted = haveOrigins(await this.#columns(signal));
    if (this.#areNoted || this.#isTold) return;
    this.#isTold = true;
    this.#logger.warn(
      {},
      `the ledger ${this.#ledger} has no columns SPOOL and SERIAL (${why}), so it is not noticed when the spool was ` +
        `restored from a backup or copied; run: ${additionOf(ledger, originColumns)};`,
    );
  }

  /** Reads the ledger, which wakes the warehouse. */
  async newest(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    if (!haveOrigins(await this.#columns(signal))) return undefined;
    return await this.#sessions.use('looking into the ledger', signal, async (session) => {
      const [newest] = await session.run(
        signal,
        `SELECT BATCH_ID AS ID, "SERIAL" AS N FROM ${this.#schema.quote(this.#ledger)}
          WHERE SPOOL = ? AND "SERIAL" IS NOT NULL ORDER BY "SERIAL" DESC LIMIT 1`,
        [spool],
      );
      return newest && { id: String(newest['ID']), serial: Number(newest['N']) };
    });
  }

  async #columns(signal: AbortSignal): Promise<readonly Column[]> {
    const found = await this.#sessions.use('looking at the ledger', signal, (session) =>
      this.#schema.columns(session, signal, this.#ledger, ledgerColumns),
    );
    return found ?? [];
  }
}

function haveOrigins(columns: readonly Column[]): boolean {
  return misfit(columns, [...ledgerColumns, ...originColumns]) === undefined;
}
