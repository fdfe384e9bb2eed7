import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Batch,
  type Destination,
  formatBytes,
  instructionOf,
  type Logger,
  type Metrics,
  messageOf,
  type NewestBatch,
  PermanentError,
  pulled,
  RetryableError,
  type Row,
  type TableName,
  type TimeRange,
} from 'hookline/plugin';
import { writeCsv } from './csv.js';
import { instructed, isEnded } from './errors.js';
import { Folder } from './folder.js';
import { land, type Place, seedOf } from './landing.js';
import { latestIn, listIn } from './latest.js';
import type { SnowflakeOptions } from './options.js';
import { Origins } from './origins.js';
import { insertion, type Need, Schema } from './schema.js';
import type { Session } from './session.js';
import { quoteText } from './session.js';
import { Sessions } from './sessions.js';
import { Statistics } from './statistics.js';
import {
  type Column,
  chartColumns,
  exceeds,
  type Limit,
  ledgerColumns,
  lockColumns,
  originColumns,
} from './table.js';

const needs = {
  table: insertion(chartColumns, 'SELECT, INSERT'),
  ledger: insertion(ledgerColumns, 'SELECT, INSERT'),
  lock: {
    privileges: 'SELECT, INSERT, UPDATE',
    statement: (qualified) => `UPDATE ${qualified} SET TURN = TURN + 1`,
  },
} satisfies Record<string, Need>;

/** What Snowflake itself says of a text that its column does not take. */
const textTooLong = '100078';
const bodyColumn = chartColumns.at(-1)?.name;

/**
 * A batch is written to files, which are staged with the user and loaded by one COPY INTO. Exactly once
 * rests on the ledger, see `landing.ts`.
 */
export class SnowflakeDestination implements Destination {
  /** A statement that reads a table wakes the warehouse. */
  readonly billsLooks = true;
  readonly #sessions: Sessions;
  readonly #schema: Schema;
  readonly #ledger: string;
  readonly #origins: Origins;
  readonly #folder: Folder;
  readonly #logger: Logger;
  readonly #statistics: Statistics;
  /** How long a body each table takes. */
  readonly #limits = new Map<TableName, Limit>();

  constructor(options: SnowflakeOptions, logger: Logger, metrics: Metrics) {
    this.#sessions = new Sessions(options);
    this.#schema = new Schema(options);
    this.#ledger = options.ledger;
    this.#origins = new Origins(this.#sessions, this.#schema, options.ledger, logger);
    this.#folder = new Folder(options.tempFolder);
    this.#logger = logger;
    this.#statistics = new Statistics(metrics);
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#sessions.open();
    await this.#folder.open();
    await this.check([], signal);
  }

  async ensureTable(table: TableName, signal: AbortSignal): Promise<void> {
    this.#schema.quote(table);
    const found = await this.#sessions.use(`making table ${table}`, signal, async (session) => {
      const ledger = await this.#schema.ensure(session, signal, this.#ledger, ledgerColumns, originColumns);
      if ((await this.#schema.columns(session, signal, this.#lock, lockColumns)) === undefined) {
        await this.#schema.ensure(session, signal, this.#lock, lockColumns);
        await session.run(signal, seedOf(this.#schema.quote(this.#lock)));
      }
      this.#keep(table, await this.#schema.ensure(session, signal, table, chartColumns));
      return ledger;
    });
    await this.#origins.ensure(found, signal);
  }

  async check(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    for (const table of tables) this.#schema.quote(table);
    await this.#sessions.use('checking', signal, async (session) => {
      await this.#schema.checkWarehouse(session, signal);
      await this.#schema.checkTable(session, signal, this.#ledger, ledgerColumns, needs.ledger);
      await this.#schema.checkTable(session, signal, this.#lock, lockColumns, needs.lock);
      for (const table of tables) {
        await this.#schema.checkTable(session, signal, table, chartColumns, needs.table);
      }
    });
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    const table = this.#schema.quote(batch.table);
    // Each try has a folder of its own in that of the batch: another writer may be at it too.
    const stage = `${folderOf(batch)}${randomUUID()}/`;
    await this.#sessions.use(`writing to ${table}`, signal, async (session) => {
      await this.#expectFitting(session, batch, signal);
      const files = await this.#stage(session, batch, stage, signal);
      const place = {
        doing: `writing to ${table}`,
        table,
        ledger: this.#schema.quote(this.#ledger),
        lock: this.#schema.quote(this.#lock),
        stage,
        files,
        origin: this.#origins.of(batch),
      };
      await this.#land(session, batch, place, signal);
    });
  }

  async newestBatch(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    return await this.#origins.newest(spool, signal);
  }

  async latest(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]> {
    const quoted = this.#schema.quote(table);
    return await this.#sessions.use(`reading ${quoted}`, signal, async (session) => {
      const columns = await this.#schema.columns(session, signal, table, chartColumns);
      return columns === undefined ? [] : await latestIn(session, quoted, limit, signal);
    });
  }

  requestIds(table: TableName, range: TimeRange, signal: AbortSignal): AsyncIterable<string[]> {
    const quoted = this.#schema.quote(table);
    const doing = `listing ${quoted}`;
    return pulled((offer) =>
      this.#sessions.use(doing, signal, async (session) => {
        if ((await this.#schema.columns(session, signal, table, chartColumns)) === undefined) return;
        try {
          await listIn(session, quoted, range, offer, signal);
        } catch (error) {
          // Begun anew in another session it would list some twice.
          throw isEnded(error)
            ? new RetryableError(`${doing}: the session has ended`, { cause: error })
            : error;
        }
      }),
    );
  }

  async close(): Promise<void> {
    await this.#sessions.close();
    await this.#folder.close();
  }

  get #lock(): string {
    return `${this.#ledger}_lock`;
  }

  #keep(table: TableName, columns: readonly Column[]): Limit | undefined {
    const limit = columns.find(({ name }) => name === bodyColumn)?.limit;
    if (limit !== undefined) this.#limits.set(table, limit);
    return limit;
  }

  /** @throws PermanentError when a body is longer than its column takes, before anything is sent */
  async #expectFitting(session: Session, batch: Batch, signal: AbortSignal): Promise<void> {
    const tooLong = (limit: Limit) => batch.rows.find(({ body }) => exceeds(body, limit));
    const known = this.#limits.get(batch.table);
    if (known !== undefined && tooLong(known) === undefined) return;
    // The column may have been made longer since.
    const columns = await this.#schema.columns(session, signal, batch.table, chartColumns);
    const limit = columns && this.#keep(batch.table, columns);
    const row = limit && tooLong(limit);
    if (limit === undefined || row === undefined) return;
    const table = this.#schema.quote(batch.table);
    throw new PermanentError(
      `a body of ${formatBytes(row.body.length)} is longer than ${table} takes (${limit.characters} characters, ${formatBytes(limit.bytes)}); run: ALTER TABLE ${table} ALTER COLUMN ${bodyColumn} SET DATA TYPE VARCHAR(134217728), and replay`,
      { code: textTooLong },
    );
  }

  async #stage(session: Session, batch: Batch, stage: string, signal: AbortSignal): Promise<string[]> {
    return await this.#folder.use(async (folder) => {
      const files = await writeCsv(batch.rows, folder, signal);
      const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
      for (const file of files) {
        if (await session.put(signal, join(folder, file), stage)) continue;
        throw new RetryableError(`writing to ${batch.table}: a file could not be staged`);
      }
      this.#statistics.staged(
        files.length,
        sizes.reduce((sum, size) => sum + size, 0),
      );
      return files;
    });
  }

  async #land(session: Session, batch: Batch, place: Place, signal: AbortSignal): Promise<void> {
    const began = Date.now();
    const seconds = () => (Date.now() - began) / 1000;
    try {
      const rows = await land(session, batch, place, signal);
      this.#statistics.flushed(rows > 0 ? 'landed' : 'repeated', seconds(), rows);
    } catch (error) {
      this.#statistics.flushed('failed', seconds(), 0);
      signal.throwIfAborted();
      const known = isEnded(error) ? error : instructed(error, place.doing);
      // It comes no more under this id, so nobody else would remove its files.
      if (instructionOf(known) === 'permanent') await this.#tidy(session, batch, signal);
      throw known;
    }
    await this.#tidy(session, batch, signal);
  }

  /** Removes a batch's files, of all tries. What fails here has landed, or is refused, all the same. */
  async #tidy(session: Session, batch: Batch, signal: AbortSignal): Promise<void> {
    const stage = folderOf(batch);
    await session.run(signal, `REMOVE ${quoteText(stage)}`).catch((error: unknown) => {
      const { message } = instructed(error, 'removing them') as Error;
      this.#logger.warn({ stage, error: messageOf(message) }, 'files are left in the stage');
    });
  }
}

/** In the user's own stage, which needs no grants. */
function folderOf(batch: Batch): string {
  return `@~/hookline/${batch.id}/`;
}
