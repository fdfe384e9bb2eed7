import {
  type Batch,
  ConfigError,
  chart,
  type Destination,
  RetryableError,
  type Row,
  type TableName,
  type TimeRange,
} from 'hookline/plugin';
import { isOfSettings } from './errors.js';
import { quoteName, quoteText } from './name.js';
import { decodeRows, encodeBlock } from './native.js';
import type { ClickhouseOptions } from './options.js';
import { Server } from './server.js';
import { type Column, creationOf, misfit, type Relation } from './table.js';

const [requestId, timestamp] = chart.map(({ name }) => name);
const columns = chart.map(({ name }) => name).join(', ');
/** Request ids in a query, which has 256 KiB at most. */
const idsAtOnce = 5000;

/**
 * ClickHouse has no transactions, so there is no ledger: the table is its own. Exactly once rests on three
 * properties of the *MergeTree engines:
 * - an INSERT of one block into a table without partitions makes one part: all rows of a batch, or none;
 * - so a batch that has landed is found by its first row, along the primary key, however long ago that was;
 * - a block that comes again is ignored, which is for two writers at once, and for one whose INSERT still
 *   goes on as it is repeated. That holds for the last 1000 blocks of a table (non_replicated_deduplication_window),
 *   or, replicated, for as many as replicated_deduplication_window says and over all replicas.
 */
export class ClickhouseDestination implements Destination {
  readonly #server: Server;
  readonly #engine: string;

  constructor(options: ClickhouseOptions) {
    this.#server = new Server(options);
    this.#engine = options.engine;
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#server.open();
    await this.check([], signal);
  }

  async ensureTable(table: TableName, signal: AbortSignal): Promise<void> {
    if (await this.#fits(table, signal)) return;
    const doing = `making table ${table}`;
    const make = (flushed: boolean) =>
      this.#server.run(doing, signal, creationOf(table, this.#engine, flushed));
    try {
      await make(true).catch((error: unknown) => {
        if (isOfSettings(error)) return make(false);
        throw error;
      });
    } catch (error) {
      // Of two that make it at once, one may be told that its replica is there already.
      if (await this.#fits(table, signal)) return;
      throw error;
    }
    if (await this.#fits(table, signal)) return;
    throw new RetryableError(`${doing}: it was dropped as it was made`);
  }

  async check(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    const settings = await this.#server.settings(signal);
    if ((settings.get('readonly') ?? '0') !== '0') {
      throw new ConfigError(`the user is read-only: give it another settings profile`);
    }
    for (const table of tables) {
      // An INSERT of no rows makes no part, but needs the grant, and a replica that takes writes.
      if (await this.#fits(table, signal)) await this.#insert(table, Buffer.alloc(0), undefined, signal);
    }
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    const landed = await this.#landed(batch, signal);
    const missing = batch.rows.filter((row) => !landed.has(row.requestId));
    if (missing.length > 0) await this.#insert(batch.table, encodeBlock(missing), batch.id, signal);
  }

  async latest(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]> {
    const name = quoteName(table);
    if ((await this.#relation(table, signal)) === undefined) return [];
    const query = `SELECT ${columns} FROM ${name} ORDER BY ${timestamp} DESC LIMIT ${Math.trunc(limit)}`;
    return decodeRows(await this.#server.run(`reading ${table}`, signal, `${query} FORMAT RowBinary`));
  }

  async *requestIds(
    table: TableName,
    { from, to }: TimeRange,
    signal: AbortSignal,
  ): AsyncGenerator<string[]> {
    const name = quoteName(table);
    if ((await this.#relation(table, signal)) === undefined) return;
    yield* this.#server.list(
      `listing ${table}`,
      signal,
      `SELECT ${requestId} AS id FROM ${name} WHERE ${timestamp} >= ${exact(from)} AND ${timestamp} < ${exact(to)}`,
    );
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  /**
   * The request ids of the batch that are in the table. Usually its first is not, so none is. Else all
   * should be; but a spool restored from a backup may have put landed requests and new ones into one batch.
   */
  async #landed(batch: Batch, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const found = await this.#among(batch.table, batch.rows.slice(0, 1), signal);
    for (let from = 0; found.size > 0 && from < batch.rows.length; from += idsAtOnce) {
      const rows = batch.rows.slice(from, from + idsAtOnce);
      for (const id of await this.#among(batch.table, rows, signal)) found.add(id);
    }
    return found;
  }

  async #among(table: TableName, rows: readonly Row[], signal: AbortSignal): Promise<Set<string>> {
    const ids = rows.map((row) => quoteText(row.requestId)).join(', ');
    const times = rows.map((row) => row.timestamp);
    const [from, to] = [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))];
    const found = await this.#server.read<{ id: string }>(
      `writing to ${table}`,
      signal,
      `SELECT ${requestId} AS id FROM ${quoteName(table)}
        WHERE ${timestamp} >= ${exact(from)} AND ${timestamp} <= ${exact(to)} AND ${requestId} IN (${ids})`,
    );
    return new Set(found.map(({ id }) => id));
  }

  async #insert(
    table: TableName,
    block: Buffer,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const query = `INSERT INTO ${quoteName(table)} (${columns})`;
    await this.#server.insert(`writing to ${table}`, signal, query, block, token);
  }

  /** Whether the table is there. @throws ConfigError when it has another shape */
  async #fits(table: TableName, signal: AbortSignal): Promise<boolean> {
    const quoted = quoteName(table);
    const relation = await this.#relation(table, signal);
    if (relation === undefined) return false;
    const fault = misfit(relation, table);
    if (fault === undefined) return true;
    throw new ConfigError(
      `${quoted} has another shape and is left as it is: ${fault}. Rename it, or choose another table`,
    );
  }

  async #relation(table: TableName, signal: AbortSignal): Promise<Relation | undefined> {
    const of = (column: string) => `database = currentDatabase() AND ${column} = ${quoteText(table)}`;
    const [relation] = await this.#server.read<Omit<Relation, 'columns'>>(
      `looking at ${table}`,
      signal,
      `SELECT engine, engine_full, partition_key FROM system.tables WHERE ${of('name')}`,
    );
    if (relation === undefined) return undefined;
    const found = await this.#server.read<Column>(
      `looking at ${table}`,
      signal,
      `SELECT name, type, default_kind FROM system.columns WHERE ${of('table')}`,
    );
    return { ...relation, columns: found };
  }
}

/** A float64 by its bytes: old servers round what they read from a text. */
function exact(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return `reinterpretAsFloat64(unhex('${bytes.toString('hex')}'))`;
}
