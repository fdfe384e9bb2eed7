import type pg from 'pg';
import { RetryableError } from '../../core/index.js';

/**
 * What each transaction begins with, and what is gone with it, so that it holds behind a pooler too: every setting of
 * a server, database or role that could hurt. Types are compared by their names in the catalog, floats and times are
 * read in one form, so that `quote_all_identifiers`, `extra_float_digits`, `DateStyle` and the like change nothing. The
 * search path stays as it is, as triggers of the user's own may need it; our names have their schema. A default of
 * read-only stays too, as hosters use it for a full disk: `Schema.check` tells it.
 * - the isolation: a batch that comes again must see what was committed while it waited at the ledger's key;
 * - tcp_keepalives: a server that has lost us without a word finds out within a minute, not after the two hours of
 *   TCP's default: till then it would hold the batch's ledger row, and the retry would wait for it;
 * - statement_timeout and transaction_timeout (Postgres 17): a large batch would be tried again for ever;
 * - client_min_messages: a warning at COMMIT says that no standby has it, see `commit`;
 * - synchronous_commit: off, a crash of the server would lose rows that we had settled; local, a failover;
 * - lock_timeout: a lock that someone holds on the table would hold the lane, and say nothing of it; with one of a
 *   millisecond a batch would be tried again for ever. A role's own stays from 100 ms to 10 s.
 */
const settings = `
  SET LOCAL tcp_keepalives_idle = 30;
  SET LOCAL tcp_keepalives_interval = 10;
  SET LOCAL tcp_keepalives_count = 3;
  SET LOCAL statement_timeout = 0;
  SET LOCAL client_min_messages = warning;
  SELECT pg_catalog.set_config('transaction_timeout', '0', true)
   WHERE pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL;
  SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
   WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local');
  SELECT pg_catalog.set_config('lock_timeout', '10s', true)
   WHERE pg_catalog.current_setting('lock_timeout')::pg_catalog.interval NOT BETWEEN '100ms' AND '10s'`;

/** One that stands still in a write frees the batch's row in the ledger; a millisecond would end a slow one. */
export const begin = `BEGIN ISOLATION LEVEL READ COMMITTED; ${settings};
  SET LOCAL idle_in_transaction_session_timeout = '60s'`;

/** A list is read as slowly as its reader takes it; one that leaves rows out in silence would be taken for a loss. */
export const beginReading = `BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; ${settings};
  SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL row_security = off`;

/** Where the warning is from, whatever language the server speaks. */
const unacknowledged = 'SyncRepWaitForLSN';

/** A COMMIT whose wait for a standby was cancelled succeeds, with a warning: the next try finds it and waits again. */
export async function commit(client: pg.Client, doing: string): Promise<void> {
  let isSafe = true;
  const note = ({ routine }: { readonly routine?: string | undefined }) => {
    if (routine === unacknowledged) isSafe = false;
  };
  client.on('notice', note);
  try {
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new RetryableError(`${doing}: it was rolled back`);
  } finally {
    client.off('notice', note);
  }
  if (isSafe) return;
  throw new RetryableError(
    `${doing}: committed, but the wait for a standby was cancelled; is one down that synchronous_standby_names demands?`,
  );
}
