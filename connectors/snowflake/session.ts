import type { Connection, RowStatement } from 'snowflake-sdk';
import { credentialsOf } from './credentials.js';
import { isTold } from './errors.js';
import { sqlName } from './name.js';
import type { SnowflakeOptions } from './options.js';
import { loadSdk } from './sdk.js';

/** A row as the SDK gives it, by the columns' names. */
export type Found = Readonly<Record<string, unknown>>;

/** How long a goodbye may take. */
const goodbyeTimeout = 2000;

/** Seconds that a statement waits for a lock. */
export const lockTimeout = 360;

/**
 * For each session, whatever the parameters of the account and the user say:
 * - AUTOCOMMIT, quoted names and time zone as SQL has them by default;
 * - a transaction in which a statement has failed is over, and what a lost client has begun is cancelled;
 * - a lock is waited for as long as it takes Snowflake to roll back a transaction that a killed process has
 *   left with it (5 minutes), and not for 12 hours;
 * - it is our own signal that ends a statement, and not a limit for people's queries: a day, as 0 is none;
 * - a result has all of its rows, or a list of request ids would end too soon;
 * - a table that is made compares text byte by byte.
 */
const settings = `ALTER SESSION SET AUTOCOMMIT = TRUE, QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE,
  TIMEZONE = 'UTC', LOCK_TIMEOUT = ${lockTimeout}, ABORT_DETACHED_QUERY = TRUE, TRANSACTION_ABORT_ON_ERROR = TRUE,
  STATEMENT_TIMEOUT_IN_SECONDS = 86400, STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = 0, ROWS_PER_RESULTSET = 0,
  DEFAULT_DDL_COLLATION = ''`;

/** One session of Snowflake. Once anything has failed in it, it is ended and never used again. */
export class Session {
  /** The role, once somebody has asked for it. */
  role: string | undefined;
  readonly #connection: Connection;
  #broken = false;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Logs in. What it rejects with is the SDK's own error. */
  static async open(options: SnowflakeOptions, signal: AbortSignal): Promise<Session> {
    const sdk = await loadSdk();
    const { account, accessUrl, user, role, warehouse, database, schema, queryTag } = options;
    const credentials = await credentialsOf(options);
    signal.throwIfAborted();
    const connection = sdk.createConnection({
      ...credentials,
      account: account ?? new URL(accessUrl ?? '').hostname.split('.')[0] ?? '',
      ...(accessUrl !== undefined && { accessUrl: accessUrl.replace(/\/$/, '') }),
      username: user,
      ...(role !== undefined && { role: sqlName(role) }),
      ...(warehouse !== undefined && { warehouse: sqlName(warehouse) }),
      database: sqlName(database),
      schema: sqlName(schema),
      queryTag,
      application: 'hookline',
      // Nothing is asked of an idle session, and it may end: a new one is made when there is work again.
      clientSessionKeepAlive: false,
      sfRetryMaxLoginRetries: 0,
    });
    const session = new Session(connection);
    try {
      await unlessAborted(signal, (done) => {
        connection.connect((error) => done(error));
      });
      await session.run(signal, settings);
      return session;
    } catch (error) {
      void session.end();
      throw error;
    }
  }

  get broken(): boolean {
    return this.#broken || !this.#connection.isUp();
  }

  /** Runs a statement; resolves to its rows. When the signal fires it is cancelled, and the session broken. */
  async run(
    signal: AbortSignal,
    sqlText: string,
    binds: readonly (string | number)[] = [],
  ): Promise<Found[]> {
    const rows: Found[] = [];
    await this.#execute(signal, { sqlText, ...(binds.length > 0 && { binds }) }, async (found) => {
      for await (const row of found) rows.push(row);
    });
    return rows;
  }

  /** Runs a statement, and takes its rows one by one; else as `run`. */
  async each(
    signal: AbortSignal,
    sqlText: string,
    take: (row: Found) => void | Promise<void>,
  ): Promise<void> {
    await this.#execute(signal, { sqlText }, async (found) => {
      for await (const row of found) await take(row);
    });
  }

  async #execute(
    signal: AbortSignal,
    options: { readonly sqlText: string; readonly binds?: readonly (string | number)[] },
    read: (rows: AsyncIterable<Found>) => Promise<void>,
  ): Promise<void> {
    signal.throwIfAborted();
    let statement: { cancel(): void } | undefined;
    try {
      await unlessAborted(signal, (done) => {
        const { sqlText, binds } = options;
        statement = this.#connection.execute({
          sqlText,
          ...(binds !== undefined && { binds: [...binds] }),
          // Else the SDK runs a statement that has failed a second time before it says so.
          streamResult: true,
          rowMode: 'object',
          complete: (error, answered) => {
            if (error !== undefined && error !== null) done(error);
            else
              read((answered as RowStatement).streamRows() as AsyncIterable<Found>).then(
                () => done(undefined),
                done,
              );
          },
        });
      });
    } catch (error) {
      this.#broken = true;
      if (signal.aborted) statement?.cancel();
      throw error;
    }
  }

  /** Copies a local file to a folder of a stage; resolves to whether it is there. */
  async put(signal: AbortSignal, file: string, folder: string): Promise<boolean> {
    const source = `file://${file.replaceAll('\\', '/')}`;
    const statement = `PUT ${quoteText(source)} ${quoteText(folder)} AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = GZIP OVERWRITE = TRUE`;
    const rows = await this.run(signal, statement).catch((error: unknown) => {
      // Whatever the storage has answered; a signed URL may hang on it.
      if (!signal.aborted && !isTold(error)) return [];
      throw error;
    });
    // The SDK calls some uploads that have failed a success, with no status.
    return rows[0]?.['status'] === 'UPLOADED';
  }

  /** Logs out, so that Snowflake rolls back whatever was going on. Resolves soon, also without an answer. */
  async end(): Promise<void> {
    this.#broken = true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, goodbyeTimeout);
      this.#connection.destroy(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** A text as SQL takes it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

type Done<T> = (error: unknown, result?: T) => void;

/**
 * Waits for a callback of the SDK, but not for one that never comes: then the signal ends it. Whatever the
 * SDK throws at once is a rejection too.
 */
async function unlessAborted<T = void>(signal: AbortSignal, begin: (done: Done<T>) => void): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const done: Done<T> = (error, result) => {
      signal.removeEventListener('abort', abort);
      if (error !== undefined && error !== null) reject(error);
      else resolve(result as T);
    };
    try {
      begin(done);
    } catch (error) {
      done(error);
    }
  });
}
