import { type Batch, type Origin, RetryableError } from 'hookline/plugin';
import { fileFormat } from './csv.js';
import type { Session } from './session.js';
import { quoteText } from './session.js';
import { chartColumns, ledgerColumns, listOf, originColumns } from './table.js';

/** The names, as SQL takes them. */
export interface Place {
  /** For messages: what is going on, and where. */
  readonly doing: string;
  readonly table: string;
  readonly ledger: string;
  readonly lock: string;
  /** The folder of the user's stage with the batch's files. */
  readonly stage: string;
  readonly files: readonly string[];
  /** Where the batch is from, when the ledger has columns for that. */
  readonly origin: Origin | undefined;
}

const entry = ledgerColumns.filter(({ name }) => name !== 'LANDED_AT');

/**
 * Loads the staged files into the table, in one transaction with an entry in the ledger. Snowflake enforces
 * no keys, so two writers of one batch may both make their entry. What lets one of them win is the lock, a
 * table of one row: an UPDATE of a row excludes every other one till its transaction ends, and a statement
 * sees all that was committed before it began. So who has the lock sees the other's entry, if there is one.
 * It is taken last, so that lanes load side by side, and one that is killed hardly ever leaves it taken.
 * Afterwards the ledger is asked, whatever the commit has answered: what it has is what has landed.
 * @returns the rows that were loaded; 0 when the batch had landed before
 */
export async function land(
  session: Session,
  batch: Batch,
  { doing, table, ledger, lock, stage, files, origin }: Place,
  signal: AbortSignal,
): Promise<number> {
  const entries = async () => {
    const sql = `SELECT COUNT(*) AS N FROM ${ledger} WHERE BATCH_ID = ?`;
    return Number((await session.run(signal, sql, [batch.id]))[0]?.['N']);
  };
  const columns = origin === undefined ? entry : [...entry, ...originColumns];
  const from = origin === undefined ? [] : [origin.spool, origin.serial];
  await session.run(signal, 'BEGIN TRANSACTION');
  const [entered] = await session.run(
    signal,
    `INSERT INTO ${ledger} (${listOf(columns)}) SELECT ${columns.map(() => '?').join(', ')}
      WHERE NOT EXISTS (SELECT 1 FROM ${ledger} WHERE BATCH_ID = ?)`,
    [batch.id, batch.table, batch.rows.length, batch.bytes, ...from, batch.id],
  );
  let loaded = 0;
  if (countIn(entered) > 0) {
    try {
      loaded = await copy(session, { table, stage, files }, signal);
    } catch (error) {
      // Whoever lands a batch removes its files, and another's COPY may have been about to read them.
      if (await hasLanded(session, entries, signal)) return 0;
      throw error;
    }
    if (loaded !== batch.rows.length) {
      throw new RetryableError(
        `${doing}: COPY loaded ${loaded} of ${batch.rows.length} rows, and was rolled back`,
      );
    }
    const [taken] = await session.run(signal, `UPDATE ${lock} SET TURN = TURN + 1`);
    if (countIn(taken) === 0) {
      await session.run(signal, 'ROLLBACK');
      await session.run(signal, seedOf(lock));
      throw new RetryableError(`${doing}: the row of ${lock} was missing, and is there again`);
    }
    if ((await entries()) === 1) {
      await session.run(signal, 'COMMIT');
      if ((await entries()) > 0) return loaded;
      throw new RetryableError(`${doing}: the transaction was rolled back before it was committed`);
    }
  }
  await session.run(signal, 'ROLLBACK');
  if ((await entries()) > 0) return 0;
  throw new RetryableError(`${doing}: another writer of the batch was there first, and has given up`);
}

/** Whether somebody else has landed the batch, as far as can be told after a failure. */
async function hasLanded(
  session: Session,
  entries: () => Promise<number>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await session.run(signal, 'ROLLBACK');
    return (await entries()) > 0;
  } catch {
    return false;
  }
}

/** Puts a row into the lock, where it has none. Two do no harm: an UPDATE takes both. */
export function seedOf(lock: string): string {
  return `INSERT INTO ${lock} (TURN) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM ${lock})`;
}

/** FORCE, as the ledger knows what has landed for ever, and Snowflake for 64 days. */
async function copy(
  session: Session,
  { table, stage, files }: Pick<Place, 'table' | 'stage' | 'files'>,
  signal: AbortSignal,
): Promise<number> {
  const names = files.map(quoteText).join(', ');
  const results = await session.run(
    signal,
    `COPY INTO ${table} (${listOf(chartColumns)}) FROM ${quoteText(stage)} FILES = (${names})
      FILE_FORMAT = ${fileFormat} ON_ERROR = ABORT_STATEMENT FORCE = TRUE`,
  );
  return results.reduce((sum, row) => sum + Number(row['rows_loaded'] ?? 0), 0);
}

/** The number that DML answers with, whatever its column is called. */
function countIn(row: Readonly<Record<string, unknown>> | undefined): number {
  return Number(Object.values(row ?? {})[0] ?? 0);
}
