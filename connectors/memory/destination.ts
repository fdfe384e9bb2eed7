import {
  type Batch,
  ConfigError,
  type Destination,
  PermanentError,
  type Row,
  type TableName,
  type TimeRange,
} from '../../core/index.js';

const listedAtOnce = 10_000;

/** The reference destination: rows in this process, gone with it. */
export class MemoryDestination implements Destination {
  readonly #tables = new Map<TableName, Row[]>();
  readonly #landed = new Set<string>();

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
  }

  async ensureTable(table: TableName, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (table === '') throw new ConfigError('a table needs a name');
    if (!this.#tables.has(table)) this.#tables.set(table, []);
  }

  async check(_tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const rows = this.#tables.get(batch.table);
    if (rows === undefined) throw new ConfigError(`there is no table ${batch.table}`);
    if (batch.rows.length === 0) throw new PermanentError(`batch ${batch.id} has no rows`);
    if (this.#landed.has(batch.id)) return;
    this.#landed.add(batch.id);
    for (const row of batch.rows) rows.push({ ...row, body: Uint8Array.from(row.body) });
  }

  async latest(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]> {
    signal.throwIfAborted();
    const rows = this.#tables.get(table) ?? [];
    return rows.toSorted((a, b) => b.timestamp - a.timestamp).slice(0, limit);
  }

  async *requestIds(
    table: TableName,
    { from, to }: TimeRange,
    signal: AbortSignal,
  ): AsyncGenerator<readonly string[]> {
    const rows = this.#tables.get(table) ?? [];
    for (let at = 0; at < rows.length; at += listedAtOnce) {
      signal.throwIfAborted();
      yield rows
        .slice(at, at + listedAtOnce)
        .filter(({ timestamp }) => timestamp >= from && timestamp < to)
        .map(({ requestId }) => requestId);
    }
  }

  async close(): Promise<void> {}
}
