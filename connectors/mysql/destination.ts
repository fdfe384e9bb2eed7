import { randomUUID } from 'node:crypto';
import {
  type Batch,
  chart,
  type Destination,
  expectLowerCase,
  type Logger,
  messageOf,
  type NewestBatch,
  pulled,
  type Retired,
  RetryableError,
  type Row,
  retiredError,
  SessionPool,
  type TableName,
  type TimeRange,
} from 'hookline/plugin';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { weaknessOf } from './durability.js';
import { instructed, numberOf } from './errors.js';
import { insertRows } from './insert.js';
import { addressOf, type MysqlOptions } from './options.js';
import { MysqlSession } from './session.js';
import { chartColumns, ledgerColumns, noSuchTable, originColumns, Table } from './table.js';

const [requestId, timestamp, key, body] = chart.map(({ name }) => name);
const duplicateEntry = 1062;
const listedAtOnce = 10_000;

/**
 * Rows by multi-row INSERT, in one InnoDB transaction with an entry in the ledger of batches. A second
 * writer of the same batch waits at the ledger's key for the first: then it finds the entry, or, when the
 * first was rolled back, takes its place.
 */
export class MysqlDestination implements Destination {
  readonly #pool: SessionPool<MysqlSession>;
  readonly #ledger: Table;
  readonly #logger: Logger;
  #isWarned = false;
  /** Whether the ledger has columns for where a batch is from. */
  #notesOrigins = false;
  #isTold = false;

  constructor(options: MysqlOptions, logger: Logger) {
    this.#logger = logger;
    this.#pool = new SessionPool({
      connect: (_, signal) => MysqlSession.connect(addressOf(options), signal),
      instructed,
    });
    this.#ledger = new Table(options.ledger, ledgerColumns, originColumns);
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#pool.open();
    await this.check([], signal);
    if (!this.#isWarned) await this.#warn(signal);
  }

  async ensureTable(table: TableName, signal: AbortSignal): Promise<void> {
    await this.#pool.use(`making table ${table}`, signal, async ({ connection, foldsNames }) => {
      const made = this.#table(table);
      if (foldsNames) expectLowerCase(table);
      await this.#ledger.ensure(connection);
      await this.#ensureOrigins(connection);
      await made.ensure(connection);
    });
  }

  async check(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    await this.#pool.use('checking', signal, async ({ connection, foldsNames }) => {
      await this.#expectWritable(connection);
      await this.#ledger.check(connection);
      for (const table of tables) {
        if (foldsNames) expectLowerCase(table);
        await this.#table(table).check(connection);
      }
    });
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    await this.#pool.use(`writing to ${batch.table}`, signal, async (session) => {
      const table = this.#table(batch.table);
      await session.connection.query('START TRANSACTION');
      if (!(await this.#enter(session, batch))) {
        if ((await this.#meet(session, batch)) === 'landed') return;
        throw retiredError(batch);
      }
      await insertRows(session, table, batch.rows).catch((error: unknown) => {
        throw instructed(error, `writing to ${batch.table}`, 'rows');
      });
      await session.commit();
    });
  }

  /** What is under way holds the ledger's key: the entry waits for its end. */
  async retire(batch: Batch, signal: AbortSignal): Promise<Retired> {
    return await this.#pool.use(`giving up a batch for ${batch.table}`, signal, async (session) => {
      const { id, table } = batch;
      await session.connection.query('START TRANSACTION');
      if (!(await this.#enter(session, { id, table, rows: [], bytes: 0 })))
        return await this.#meet(session, batch);
      await session.commit();
      return 'void';
    });
  }

  async newestBatch(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    return await this.#pool.use('looking into the ledger', signal, async ({ connection }) => {
      if (!(await this.#ledger.hasFurther(connection))) return undefined;
      const [[newest]] = await connection.execute<RowDataPacket[]>(
        `SELECT batch_id AS id, \`serial\` AS n FROM ${this.#ledger.quoted}
          WHERE spool = ? AND \`serial\` IS NOT NULL ORDER BY \`serial\` DESC LIMIT 1`,
        [spool],
      );
      return newest && { id: String(newest['id']), serial: Number(newest['n']) };
    });
  }

  async latest(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]> {
    return await this.#pool.use(`reading ${table}`, signal, async ({ connection }) => {
      try {
        // A prepared statement gives the timestamp as a float64, not as a text that may be rounded.
        const [rows] = await connection.execute<RowDataPacket[]>(
          `SELECT ${requestId} AS requestId, ${timestamp} AS timestamp, ${key} AS \`key\`,
                  CAST(${body} AS BINARY) AS body
             FROM ${this.#table(table).quoted} ORDER BY ${timestamp} DESC LIMIT ${Math.trunc(limit)}`,
        );
        return rows.map((row) => ({ ...(row as unknown as Row) }));
      } catch (error) {
        if (numberOf(error) === noSuchTable) return [];
        throw error;
      }
    });
  }

  requestIds(table: TableName, { from, to }: TimeRange, signal: AbortSignal): AsyncIterable<string[]> {
    return pulled((offer) =>
      this.#pool.use(`listing ${table}`, signal, async (session) => {
        const { quoted } = this.#table(table);
        const query = `SELECT ${requestId} AS id FROM ${quoted} WHERE ${timestamp} >= ? AND ${timestamp} < ?`;
        try {
          await session.list(query, [from, to], listedAtOnce, offer);
        } catch (error) {
          if (numberOf(error) !== noSuchTable) throw error;
        }
      }),
    );
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /**
   * A ledger of before gets the columns, where the user may alter it; where not, or not now, it goes on without.
   * A lock that someone holds on it must not hold the lanes.
   */
  async #ensureOrigins(connection: Connection): Promise<void> {
    this.#notesOrigins = await this.#ledger.hasFurther(connection);
    if (this.#notesOrigins) return;
    const { addition, name } = this.#ledger;
    let why = 'they have other types';
    try {
      await connection.query('SET @lock_wait = @@lock_wait_timeout, lock_wait_timeout = 3');
      await connection.query(addition);
    } catch (error) {
      why = messageOf(error);
    } finally {
      await connection.query('SET lock_wait_timeout = @lock_wait');
    }
    this.#notesOrigins = await this.#ledger.hasFurther(connection);
    if (this.#notesOrigins || this.#isTold) return;
    this.#isTold = true;
    this.#logger.warn(
      {},
      `the ledger ${name} has no columns spool and serial (${why}), so it is not noticed when the spool was restored ` +
        `from a backup or copied; run: ${addition};`,
    );
  }

  /** Says once what the server does not keep. */
  async #warn(signal: AbortSignal): Promise<void> {
    const weakness = await this.#pool.use('looking at its settings', signal, ({ connection }) =>
      weaknessOf(connection),
    );
    this.#isWarned = true;
    if (weakness === undefined) return;
    this.#logger.warn({ weakness }, "a crash of the server's machine may lose what has just landed");
  }

  #table(name: TableName): Table {
    return new Table(name, chartColumns);
  }

  /** Enters the batch; false when the ledger has it, or something else of the same key. */
  async #enter({ connection }: MysqlSession, batch: Batch): Promise<boolean> {
    const { quoted, columns } = this.#ledger;
    const from = this.#notesOrigins ? batch.origin : undefined;
    try {
      await connection.execute(
        `INSERT INTO ${quoted} (${columns}${from ? ', spool, `serial`' : ''}) VALUES (?, ?, ?, ?${from ? ', ?, ?' : ''})`,
        [batch.id, batch.table, batch.rows.length, batch.bytes, ...(from ? [from.spool, from.serial] : [])],
      );
      return true;
    } catch (error) {
      if (numberOf(error) === duplicateEntry) return false;
      throw error;
    }
  }

  /**
   * Finds the batch in the ledger, landed or given up, and commits something. A server shows what it has committed before it
   * has flushed it, or before a semi-synchronous replica has it: then a failover would take the batch away.
   * Who commits after it waits for both. So an entry of no rows says that the batch came again.
   */
  async #meet({ connection }: MysqlSession, batch: Batch): Promise<Retired> {
    await connection.query('ROLLBACK');
    const { quoted, columns } = this.#ledger;
    const [[entry]] = await connection.execute<RowDataPacket[]>(
      `SELECT \`rows\` > 0 AS landed FROM ${quoted} WHERE batch_id = ?`,
      [batch.id],
    );
    const [{ affectedRows }] = await connection.execute<ResultSetHeader>(
      `INSERT INTO ${quoted} (${columns}) SELECT ?, table_name, 0, 0 FROM ${quoted} WHERE batch_id = ?`,
      [randomUUID(), batch.id],
    );
    if (entry !== undefined && affectedRows > 0) return entry['landed'] ? 'landed' : 'void';
    throw new RetryableError(`${quoted} refuses the batch as a duplicate, and does not have it`);
  }

  async #expectWritable(connection: Connection): Promise<void> {
    const [rows] = await connection.query<RowDataPacket[]>('SELECT @@read_only AS readOnly');
    // A word in MariaDB 12, a number before.
    if (['0', 'OFF'].includes(String(rows[0]?.['readOnly']))) return;
    throw new RetryableError('the server is read-only, perhaps after a failover: is it the primary?');
  }
}
