import pg from 'pg';
import { failpoint } from '../../core/failpoint.js';
import {
  type Batch,
  type Destination,
  type Logger,
  messageOf,
  type NewestBatch,
  pulled,
  RetryableError,
  type Row,
  type TableName,
  type TimeRange,
} from '../../core/index.js';
import { Connections } from './connections.js';
import { copyInto } from './copy.js';
import { type ConnectionOptions, warningsOf } from './options.js';
import { Schema } from './schema.js';
import { chartColumns, ledgerColumns, originColumns } from './shape.js';

export interface PostgresOptions extends ConnectionOptions {
  /** The table of landed batches, in the same schema. */
  readonly ledger: string;
}

const chartDefinition = chartColumns.map(({ name, types }) => `${name} ${types[0]} NOT NULL`).join(', ');
const chartNames = chartColumns.map(({ name }) => name).join(', ');
const [requestId, timestamp, key, body] = chartColumns.map(({ name }) => name);

const ledgerDefinition = `
  batch_id uuid PRIMARY KEY,
  table_name text NOT NULL,
  rows bigint NOT NULL,
  bytes bigint NOT NULL,
  landed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  spool text,
  serial bigint`;

const listedAtOnce = 10_000;

/**
 * In front of each write, and gone with its transaction: every setting of a server, database or role that could hurt.
 * The search path stays as it is, as triggers of the user's own may need it; our names have their schema. A default of
 * read-only stays too, as hosters use it for a full disk: `Schema.check` tells it.
 * - tcp_keepalives: a server that has lost us without a word finds out within a minute, not after the two hours of
 *   TCP's default: till then it would hold the batch's ledger row, and the retry would wait for it;
 * - statement_timeout and transaction_timeout (Postgres 17): a large batch would be tried again for ever;
 * - idle_in_transaction_session_timeout: the same where this process is slow; one that stands still frees the row;
 * - client_min_messages: a warning at COMMIT says that no standby has it, see `#commit`;
 * - synchronous_commit: off, a crash of the server would lose rows that we had settled; local, a failover;
 * - lock_timeout: a lock that someone holds on the table would hold the lane, and say nothing of it.
 */
const begin = `
  BEGIN ISOLATION LEVEL READ COMMITTED;
  SET LOCAL tcp_keepalives_idle = 30;
  SET LOCAL tcp_keepalives_interval = 10;
  SET LOCAL tcp_keepalives_count = 3;
  SET LOCAL statement_timeout = 0;
  SET LOCAL idle_in_transaction_session_timeout = '60s';
  SET LOCAL client_min_messages = warning;
  SELECT pg_catalog.set_config('transaction_timeout', '0', true)
   WHERE pg_catalog.current_setting('transaction_timeout', true) IS NOT NULL;
  SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
   WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local');
  SELECT pg_catalog.set_config('lock_timeout', '10s', true)
   WHERE pg_catalog.current_setting('lock_timeout') = '0'`;

/**
 * Rows by binary COPY, in one transaction with an entry in the ledger of batches. A second writer of the
 * same batch waits at the ledger's key for the first: then it finds the entry, or, when the first was
 * rolled back, takes its place.
 */
export class PostgresDestination implements Destination {
  readonly #connections: Connections;
  /** A list may be held for long; those who write do not wait for it. */
  readonly #listing: Connections;
  readonly #schema: Schema;
  readonly #ledger: string;
  readonly #logger: Logger;
  /** Of its options, until they are said. */
  readonly #warnings: string[];
  /** Whether the ledger has columns for where a batch is from. */
  #notesOrigins = false;
  #told = false;

  constructor(options: PostgresOptions, logger: Logger) {
    this.#logger = logger;
    this.#warnings = warningsOf(options);
    this.#connections = new Connections(options);
    this.#listing = new Connections({ ...options, connections: 1 });
    this.#schema = new Schema(options.schema);
    this.#ledger = options.ledger;
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#connections.open();
    this.#listing.open();
    for (const line of this.#warnings.splice(0)) this.#logger.warn({}, line);
    await this.check([], signal);
  }

  async ensureTable(table: TableName, signal: AbortSignal): Promise<void> {
    await this.#connections.use(`looking at table ${table}`, signal, async (client) => {
      await this.#schema.check(client);
      await this.#schema.ensure(client, this.#ledger, ledgerColumns, ledgerDefinition);
      await this.#ensureOrigins(client);
      await this.#schema.ensure(client, table, chartColumns, chartDefinition);
    });
  }

  async check(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    await this.#connections.use('checking', signal, async (client) => {
      await this.#schema.check(client);
      await this.#schema.checkTable(client, this.#ledger, ledgerColumns);
      for (const table of tables) await this.#schema.checkTable(client, table, chartColumns);
    });
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    const table = this.#schema.quote(batch.table);
    await this.#connections.use(`writing to ${batch.table}`, signal, async (client) => {
      if (!(await this.#enter(client, batch))) {
        // It landed before; but its COMMIT may have been cut off while it waited for a synchronous standby, and then
        // no standby need have it. Log of our own waits for them again, and for all that was written before it.
        await client.query(`SELECT pg_catalog.pg_logical_emit_message(true, 'hookline', '')`);
        await this.#commit(client, batch.table);
        return;
      }
      failpoint?.('postgres.entered');
      await copyInto(client, `COPY ${table} (${chartNames}) FROM STDIN (FORMAT binary)`, batch.rows);
      // Someone may have altered the table since it was looked at, and a bigint takes a float's eight bytes as its
      // own. The COPY holds a lock that keeps it as it is now.
      await this.#schema.checkTable(client, batch.table, chartColumns);
      failpoint?.('postgres.copied');
      await this.#commit(client, batch.table);
    });
  }

  /** A COMMIT whose wait for a standby was cancelled succeeds, with a warning: the next try finds it and waits again. */
  async #commit(client: pg.Client, table: TableName): Promise<void> {
    let warning: string | undefined;
    const note = ({ code }: { readonly code?: string | undefined }) => {
      warning = code;
    };
    client.on('notice', note);
    try {
      const committing = client.query('COMMIT');
      failpoint?.('postgres.committing');
      const { command } = await committing;
      failpoint?.('postgres.committed');
      if (command !== 'COMMIT') throw new RetryableError(`writing to ${table}: it was rolled back`);
    } finally {
      client.off('notice', note);
    }
    if (warning === undefined) return;
    throw new RetryableError(
      `writing to ${table}: committed with a warning (${warning}), so perhaps no standby has it yet: it is looked up`,
    );
  }

  async newestBatch(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    return await this.#connections.use('looking into the ledger', signal, async (client) => {
      if (!(await this.#schema.has(client, this.#ledger, originColumns))) return undefined;
      const { rows } = await client.query<{ id: string; serial: string }>(
        `SELECT batch_id AS id, serial FROM ${this.#schema.quote(this.#ledger)}
          WHERE spool = $1 AND serial IS NOT NULL ORDER BY serial DESC LIMIT 1`,
        [spool],
      );
      const [newest] = rows;
      return newest && { id: newest.id, serial: Number(newest.serial) };
    });
  }

  async latest(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]> {
    const quoted = this.#schema.quote(table);
    return await this.#connections.use(`reading ${table}`, signal, async (client) => {
      if (!(await isThere(client, quoted))) return [];
      // As bytes, both: extra_float_digits may be set so that a float's text is rounded.
      const { rows } = await client.query<{ id: string; at: Buffer; key: string; body: Buffer }>(
        `SELECT ${requestId} AS id, float8send(${timestamp}) AS at, ${key} AS key,
                convert_to(${body}, 'UTF8') AS body
           FROM ${quoted} ORDER BY ${timestamp} DESC LIMIT $1`,
        [limit],
      );
      return rows.map(({ id, at, key, body }) => ({
        requestId: id,
        timestamp: at.readDoubleBE(0),
        key,
        body,
      }));
    });
  }

  /** By a cursor, as the table may have no index on its timestamps: it is read once, and no row twice. */
  requestIds(table: TableName, { from, to }: TimeRange, signal: AbortSignal): AsyncIterable<string[]> {
    const quoted = this.#schema.quote(table);
    return pulled((offer) =>
      this.#listing.use(`listing ${table}`, signal, async (client) => {
        if (!(await isThere(client, quoted))) return;
        await client.query(
          `BEGIN READ ONLY; DECLARE ids NO SCROLL CURSOR FOR SELECT ${requestId} FROM ${quoted}
            WHERE ${timestamp} >= '${from}'::float8 AND ${timestamp} < '${to}'::float8`,
        );
        for (;;) {
          const fetching = { text: `FETCH ${listedAtOnce} FROM ids`, rowMode: 'array' as const };
          const { rows } = await client.query<[string]>(fetching);
          if (rows.length > 0) await offer(rows.map(([id]) => id));
          if (rows.length < listedAtOnce) break;
        }
        await client.query('COMMIT');
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.#connections.close(), this.#listing.close()]);
  }

  /**
   * A ledger of before gets the columns, where the user may alter it; where not, or not now, it goes on without.
   * A lock that someone holds on it must not hold the lanes.
   */
  async #ensureOrigins(client: pg.Client): Promise<void> {
    const isThere = () => this.#schema.has(client, this.#ledger, originColumns);
    this.#notesOrigins = await isThere();
    if (this.#notesOrigins) return;
    const alter =
      `ALTER TABLE ${this.#schema.quote(this.#ledger)} ` +
      'ADD COLUMN IF NOT EXISTS spool text, ADD COLUMN IF NOT EXISTS serial bigint';
    let why = 'they have other types';
    try {
      await client.query(`BEGIN; SET LOCAL lock_timeout = '3s'; ${alter}; COMMIT`);
    } catch (error) {
      why = messageOf(error);
      await client.query('ROLLBACK');
    }
    this.#notesOrigins = await isThere();
    if (this.#notesOrigins || this.#told) return;
    this.#told = true;
    this.#logger.warn(
      {},
      `the ledger ${this.#ledger} has no columns spool and serial (${why}), so it is not noticed when the spool was ` +
        `restored from a backup or copied; run: ${alter};`,
    );
  }

  /** Begins the transaction and enters the batch; false when it has landed before. One round trip. */
  async #enter(client: pg.Client, batch: Batch): Promise<boolean> {
    const origin = this.#notesOrigins ? batch.origin : undefined;
    const values = [
      pg.escapeLiteral(batch.id),
      pg.escapeLiteral(batch.table),
      batch.rows.length,
      batch.bytes,
      ...(origin === undefined ? [] : [pg.escapeLiteral(origin.spool), origin.serial]),
    ].join(', ');
    const origins = origin === undefined ? '' : ', spool, serial';
    const results: unknown = await client.query(`${begin};
      INSERT INTO ${this.#schema.quote(this.#ledger)} (batch_id, table_name, rows, bytes${origins})
      VALUES (${values}) ON CONFLICT (batch_id) DO NOTHING`);
    const inserted = (results as pg.QueryResult[]).at(-1)?.rowCount;
    return inserted === 1;
  }
}

async function isThere(client: pg.Client, quoted: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    quoted,
  ]);
  return rows[0]?.there === true;
}
