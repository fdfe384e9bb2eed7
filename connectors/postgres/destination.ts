import pg from 'pg';
import { failpoint } from '../../core/host/failpoint.js';
import {
  type Batch,
  type Destination,
  type Logger,
  messageOf,
  type NewestBatch,
  pulled,
  type Retired,
  RetryableError,
  type Row,
  retiredError,
  type TableName,
  type TimeRange,
} from '../../core/index.js';
import { Connections } from './connections.js';
import { copyInto } from './copy.js';
import { sqlState } from './errors.js';
import { type ConnectionOptions, warningsOf } from './options.js';
import { readOnly, Schema } from './schema.js';
import { chartColumns, ledgerColumns, originColumns } from './shape.js';
import { begin, beginReading, commit } from './transaction.js';

export interface PostgresOptions extends ConnectionOptions {
  /** The table of landed batches, in the same schema. */
  readonly ledger: string;
}

const chartDefinition = chartColumns
  .map(({ name, types }) => `${name} ${types[0] === 'text' ? 'pg_catalog.text' : types[0]} NOT NULL`)
  .join(', ');
const chartNames = chartColumns.map(({ name }) => name).join(', ');
const [requestId, timestamp, key, body] = chartColumns.map(({ name }) => name);

const ledgerDefinition = `
  batch_id pg_catalog.uuid PRIMARY KEY,
  table_name pg_catalog.text NOT NULL,
  rows bigint NOT NULL,
  bytes bigint NOT NULL,
  landed_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  spool pg_catalog.text,
  serial bigint`;

const listedAtOnce = 10_000;

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
        if ((await this.#meet(client, batch)) === 'landed') return;
        throw retiredError(batch);
      }
      failpoint?.('postgres.entered');
      await copyInto(client, `COPY ${table} (${chartNames}) FROM STDIN (FORMAT binary)`, batch.rows);
      // Someone may have altered the table since it was looked at, and a bigint takes a float's eight bytes as its
      // own. The COPY holds a lock that keeps it as it is now.
      await this.#schema.checkTable(client, batch.table, chartColumns);
      failpoint?.('postgres.copied');
      const committing = commit(client, `writing to ${batch.table}`);
      failpoint?.('postgres.committing');
      await committing;
      failpoint?.('postgres.committed');
    });
  }

  /** What is under way holds the ledger's key: the entry waits for its end. */
  async retire(batch: Batch, signal: AbortSignal): Promise<Retired> {
    const doing = `giving up a batch for ${batch.table}`;
    return await this.#connections.use(doing, signal, async (client) => {
      const { id, table } = batch;
      if (!(await this.#enter(client, { id, table, rows: [], bytes: 0 })))
        return await this.#meet(client, batch);
      await commit(client, doing);
      return 'void';
    });
  }

  async newestBatch(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    return await this.#connections.transact('looking into the ledger', signal, async (client) => {
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
    return await this.#connections.transact(`reading ${table}`, signal, async (client) => {
      if (!(await isThere(client, quoted))) return [];
      // As bytes, both: extra_float_digits may be set so that a float's text is rounded.
      const { rows } = await client.query<{ id: string; at: Buffer; key: string; body: Buffer }>(
        `SELECT ${requestId} AS id, pg_catalog.float8send(${timestamp}) AS at, ${key} AS key,
                pg_catalog.convert_to(${body}, 'UTF8') AS body
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
          `${beginReading}; DECLARE ids NO SCROLL CURSOR FOR SELECT ${requestId} FROM ${quoted}
            WHERE ${timestamp} >= '${from}'::pg_catalog.float8 AND ${timestamp} < '${to}'::pg_catalog.float8`,
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
      'ADD COLUMN IF NOT EXISTS spool pg_catalog.text, ADD COLUMN IF NOT EXISTS serial bigint';
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
    try {
      const results: unknown = await client.query(`${begin};
        INSERT INTO ${this.#schema.quote(this.#ledger)} (batch_id, table_name, rows, bytes${origins})
        VALUES (${values}) ON CONFLICT (batch_id) DO NOTHING`);
      return (results as pg.QueryResult[]).at(-1)?.rowCount === 1;
    } catch (error) {
      if (sqlState(error) !== readOnly) throw error;
      // A standby, after a failover, or the role's default: the one passes, the other is somebody's to mend.
      await client.query('ROLLBACK');
      await this.#schema.check(client);
      throw error;
    }
  }

  /**
   * Finds the batch in the ledger: it landed or was given up before. But its COMMIT may have been cut off while it
   * waited for a synchronous standby, and then no standby need have it. Log of our own waits for them again, and for
   * all that was written before it.
   */
  async #meet(client: pg.Client, batch: Batch): Promise<Retired> {
    const ledger = this.#schema.quote(this.#ledger);
    const { rows } = await client.query<{ landed: boolean }>(
      `SELECT rows > 0 AS landed, pg_catalog.pg_logical_emit_message(true, 'hookline', $1::pg_catalog.text)
         FROM ${ledger} WHERE batch_id = $1::pg_catalog.uuid`,
      [batch.id],
    );
    const [entry] = rows;
    if (entry === undefined) {
      throw new RetryableError(
        `${ledger} takes no entry of the batch, and has none: does a trigger or a rule of its own refuse it?`,
      );
    }
    await commit(client, `writing to ${batch.table}`);
    return entry.landed ? 'landed' : 'void';
  }
}

async function isThere(client: pg.Client, quoted: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS there',
    [quoted],
  );
  return rows[0]?.there === true;
}
