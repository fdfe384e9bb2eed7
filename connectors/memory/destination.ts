import {
  type Batch,
  ConfigError,
  type Destination,
  PermanentError,
  type Row,
  type TableName,
} from '../../core/index.js';

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

  async close(): Promise<void> {}
}
