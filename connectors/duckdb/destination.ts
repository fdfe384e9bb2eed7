import type { DuckDBBlobValue, DuckDBConnection } from '@duckdb/node-api';
import type { Row } from '../../core/contract/chart.js';
import type {
  Batch,
  Destination,
  QueryResult,
  Retired,
  TableName,
  TimeRange,
} from '../../core/contract/destination.js';
import { ConfigError, PermanentError, retiredError } from '../../core/contract/errors.js';
import type { NewestBatch } from '../../core/contract/serials.js';
import { failpoint } from '../../core/host/failpoint.js';
import { pulled } from '../../core/kit/pulled.js';
import { Database, type DatabaseSettings } from './database.js';
import { checkFolder, isThere } from './database-file.js';
import { CommitFailed } from './errors.js';
import { listTexts } from './list.js';
import { quoteName, quoteText } from './name.js';
import {
  chartColumns,
  type Expected,
  isChart,
  ledgerColumns,
  misfit,
  originColumns,
  relationOf,
} from './shape.js';

export interface DuckDBOptions extends DatabaseSettings {
  /** Absolute. */
  readonly path: string;
  readonly schema: string;
  /** The table of landed batches, in the same schema. */
  readonly ledger: string;
}

const names = chartColumns.map(({ name }) => name).join(', ');
const [requestId, timestamp, key, body] = chartColumns.map(({ name }) => name);

/** Rows of a table that has other columns, or another order, wait here within their transaction. */
const staging = '__hookline_staging';

/**
 * Rows by the appender, in one transaction with an entry in the ledger of batches. The ledger has no
 * unique index, which would have to be in memory: writes go one at a time, in the one process that can
 * have the file, and ids that grow with time are found by the row groups' bounds in under a millisecond.
 */
export class DuckDBDestination implements Destination {
  readonly #options: DuckDBOptions;
  #attached: Promise<Database> | undefined;
  #database: Database | undefined;
  /** Tables that take the chart as it is, or not, as of that opening of the file. */
  #plain = new Map<TableName, boolean>();
  #generation = -1;
  /** Batches whose COMMIT failed: rows of theirs may be there without their entry in the ledger. */
  readonly #doubtful = new Set<string>();

  constructor(options: DuckDBOptions) {
    this.#options = options;
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.attach();
    await this.check([], signal);
  }

  /** Makes it of use without a look at the file. */
  async attach(): Promise<void> {
    this.#attached ??= Database.at(this.#options.path, this.#options);
    this.#database = await this.#attached;
  }

  async ensureTable(table: TableName, signal: AbortSignal): Promise<void> {
    await this.#opened.alone(`making table ${table}`, signal, async (connection) => {
      await connection.run(`CREATE SCHEMA IF NOT EXISTS ${this.#schema}`);
      if (!(await this.#fits(connection, this.#options.ledger, ledgerColumns))) {
        await connection.run(`CREATE TABLE ${this.#quote(this.#options.ledger)} (
          batch_id UUID NOT NULL, table_name VARCHAR NOT NULL, rows BIGINT NOT NULL, bytes BIGINT NOT NULL,
          landed_at TIMESTAMPTZ NOT NULL DEFAULT current_timestamp, spool VARCHAR, serial BIGINT)`);
      } else if (!(await this.#notesOrigins(connection))) {
        // It is of before. Others may read the file, but nobody else alters it.
        const ledger = this.#quote(this.#options.ledger);
        await connection.run(`ALTER TABLE ${ledger} ADD COLUMN IF NOT EXISTS spool VARCHAR`);
        await connection.run(`ALTER TABLE ${ledger} ADD COLUMN IF NOT EXISTS serial BIGINT`);
      }
      if (!(await this.#fits(connection, table, chartColumns))) {
        await connection.run(`CREATE TABLE ${this.#quote(table)} (${definition})`);
      }
    });
    this.#plain.delete(table);
  }

  async check(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { path } = this.#options;
    if (!(await isThere(path))) {
      await checkFolder(path, 'checking');
      return;
    }
    await this.#opened.use('checking', signal, async (connection) => {
      await this.#fits(connection, this.#options.ledger, ledgerColumns);
      for (const table of tables) await this.#fits(connection, table, chartColumns);
    });
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    const doing = `writing to ${batch.table}`;
    if (!/^[0-9a-f-]{36}$/i.test(batch.id)) throw new PermanentError(`${doing}: ${batch.id} is no UUID`);
    await this.#opened.alone(doing, signal, async (connection) => {
      const plain = await this.#isPlain(connection, batch.table);
      if (!(await this.#enter(connection, batch))) {
        if ((await this.#meet(connection, batch)) === 'landed') return;
        throw retiredError(batch);
      }
      failpoint?.('duckdb.entered');
      if (this.#doubtful.has(batch.id)) await this.#withdraw(connection, batch);
      await this.#append(connection, batch, plain, signal);
      signal.throwIfAborted();
      failpoint?.('duckdb.appended');
      const committing = connection.run('COMMIT');
      failpoint?.('duckdb.committing');
      await committing.catch((error: unknown) => {
        this.#doubtful.add(batch.id);
        throw new CommitFailed(error);
      });
      failpoint?.('duckdb.committed');
    });
    this.#doubtful.delete(batch.id);
  }

  async retire(batch: Batch, signal: AbortSignal): Promise<Retired> {
    return await this.#opened.alone(`giving up a batch for ${batch.table}`, signal, async (connection) => {
      const { id, table } = batch;
      if (!(await this.#enter(connection, { id, table, rows: [], bytes: 0 }))) {
        return await this.#meet(connection, batch);
      }
      await connection.run('COMMIT').catch((error: unknown) => {
        throw new CommitFailed(error);
      });
      return 'void';
    });
  }

  async newestBatch(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    signal.throwIfAborted();
    if (!(await isThere(this.#options.path))) return undefined;
    return await this.#opened.use('looking into the ledger', signal, async (connection) => {
      if (!(await this.#notesOrigins(connection))) return undefined;
      const reader = await connection.runAndReadAll(
        `SELECT batch_id::VARCHAR, serial FROM ${this.#quote(this.#options.ledger)}
          WHERE spool = ${quoteText(spool)} AND serial IS NOT NULL ORDER BY serial DESC LIMIT 1`,
      );
      const [newest] = reader.getRows();
      return newest && { id: String(newest[0]), serial: Number(newest[1]) };
    });
  }

  async latest(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]> {
    signal.throwIfAborted();
    if (!(await isThere(this.#options.path))) return [];
    return await this.#opened.use(`reading ${table}`, signal, async (connection) => {
      if ((await relationOf(connection, this.#options.schema, table)) === undefined) return [];
      const reader = await connection.runAndReadAll(
        `SELECT ${requestId}, ${timestamp}, ${key}, encode(${body}) FROM ${this.#quote(table)}
          ORDER BY ${timestamp} DESC LIMIT ${Math.trunc(limit)}`,
      );
      return reader.getRows().map(([id, at, key, body]) => ({
        requestId: String(id),
        timestamp: Number(at),
        key: String(key),
        body: (body as DuckDBBlobValue).bytes,
      }));
    });
  }

  requestIds(table: TableName, { from, to }: TimeRange, signal: AbortSignal): AsyncIterable<string[]> {
    return pulled(async (offer) => {
      signal.throwIfAborted();
      if (!(await isThere(this.#options.path))) return;
      await this.#opened.use(`listing ${table}`, signal, async (connection, ended) => {
        if ((await relationOf(connection, this.#options.schema, table)) === undefined) return;
        await listTexts(
          connection,
          `SELECT ${requestId} FROM ${this.#quote(table)}
            WHERE ${timestamp} >= '${from}'::DOUBLE AND ${timestamp} < '${to}'::DOUBLE`,
          offer,
          ended,
        );
      });
    });
  }

  async query(sql: string, limit: number, signal: AbortSignal): Promise<QueryResult> {
    signal.throwIfAborted();
    const { path } = this.#options;
    if (!(await isThere(path))) {
      throw new ConfigError(`there is nothing yet: ${path} is made with the first table`);
    }
    const { runReadOnly } = await import('./query.js');
    return await this.#opened.use('querying', signal, (connection) => runReadOnly(connection, sql, limit));
  }

  async close(): Promise<void> {
    const database = await this.#attached;
    this.#attached = undefined;
    this.#database = undefined;
    await database?.release();
  }

  /**
   * Begins the transaction and enters the batch; false when the ledger has it. The id as text, not as a parameter: only
   * a constant is compared with the row groups' bounds. In one call, as the next batch is read meanwhile, and each
   * call's answer waits for a part of that.
   */
  async #enter(connection: DuckDBConnection, { id, table, rows, bytes, origin }: Batch): Promise<boolean> {
    const ledger = this.#quote(this.#options.ledger);
    const from = origin === undefined ? 'NULL, NULL' : `${quoteText(origin.spool)}, ${origin.serial}`;
    const entered = await connection.run(
      `BEGIN TRANSACTION; INSERT INTO ${ledger} (batch_id, table_name, rows, bytes, spool, serial)
        SELECT '${id}'::UUID, ${quoteText(table)}, ${rows.length}, ${bytes}, ${from}
         WHERE NOT EXISTS (FROM ${ledger} WHERE batch_id = '${id}'::UUID)`,
    );
    return entered.rowsChanged > 0;
  }

  /** What the ledger says of a batch that it has. */
  async #meet(connection: DuckDBConnection, { id }: Batch): Promise<Retired> {
    const found = await connection.runAndReadAll(
      `SELECT rows > 0 FROM ${this.#quote(this.#options.ledger)} WHERE batch_id = '${id}'::UUID LIMIT 1`,
    );
    return found.getRows()[0]?.[0] === true ? 'landed' : 'void';
  }

  /** Takes out what a failed COMMIT may have left, in the transaction that puts it in again. */
  async #withdraw(connection: DuckDBConnection, { table, rows }: Batch): Promise<void> {
    const ids = rows.map((row) => quoteText(row.requestId)).join(', ');
    const [first, last] = rows.reduce(
      ([first, last], row) => [Math.min(first, row.timestamp), Math.max(last, row.timestamp)],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    );
    await connection.run(
      `DELETE FROM ${this.#quote(table)}
        WHERE ${timestamp} BETWEEN '${first}'::DOUBLE AND '${last}'::DOUBLE AND ${requestId} IN (${ids})`,
    );
  }

  async #append(
    connection: DuckDBConnection,
    batch: Batch,
    plain: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { appendRows } = await import('./append.js');
    if (plain) {
      const target = { catalog: this.#opened.catalog, schema: this.#options.schema, table: batch.table };
      await appendRows(connection, target, batch.rows, signal);
      return;
    }
    await connection.run(`CREATE TEMP TABLE ${staging} (${definition})`);
    await appendRows(connection, { catalog: 'temp', schema: 'main', table: staging }, batch.rows, signal);
    await connection.run(
      `INSERT INTO ${this.#quote(batch.table)} (${names}) SELECT ${names} FROM ${staging}`,
    );
    await connection.run(`DROP TABLE ${staging}`);
  }

  /** Whether the table has the chart's columns and no others; looked up once per opening of the file. */
  async #isPlain(connection: DuckDBConnection, table: TableName): Promise<boolean> {
    if (this.#generation !== this.#opened.generation) {
      this.#generation = this.#opened.generation;
      this.#plain.clear();
    }
    let plain = this.#plain.get(table);
    if (plain === undefined) {
      const relation = await relationOf(connection, this.#options.schema, table);
      if (relation === undefined) throw new ConfigError(`there is no table ${this.#nameOf(table)}`);
      plain = isChart(relation);
      this.#plain.set(table, plain);
    }
    return plain;
  }

  /** Whether the ledger is there, with columns for where a batch is from. */
  async #notesOrigins(connection: DuckDBConnection): Promise<boolean> {
    const relation = await relationOf(connection, this.#options.schema, this.#options.ledger);
    return originColumns.every(({ name, type }) =>
      relation?.columns.some((column) => column.name === name && column.type === type),
    );
  }

  /** Whether the table is there. @throws ConfigError when something of another shape stands there */
  async #fits(connection: DuckDBConnection, table: string, columns: readonly Expected[]): Promise<boolean> {
    const relation = await relationOf(connection, this.#options.schema, table);
    if (relation === undefined) return false;
    const fault = misfit(relation, columns);
    if (fault === undefined) return true;
    throw new ConfigError(
      `${this.#nameOf(table)} has another shape and is left as it is: ${fault}. Rename it, or choose another table`,
    );
  }

  /** With the catalog: a schema of the same name would else be taken for it. */
  #quote(table: string): string {
    return `${this.#schema}.${quoteName(table, 'table')}`;
  }

  get #schema(): string {
    return `${quoteName(this.#opened.catalog, 'catalog')}.${quoteName(this.#options.schema, 'schema')}`;
  }

  /** For people. */
  #nameOf(table: string): string {
    return `${quoteName(this.#options.schema, 'schema')}.${quoteName(table, 'table')}`;
  }

  get #opened(): Database {
    if (this.#database === undefined) throw new Error(`it is not open`);
    return this.#database;
  }
}

const definition = chartColumns.map(({ name, type }) => `${name} ${type} NOT NULL`).join(', ');
