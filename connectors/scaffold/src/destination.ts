import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Batch, ConfigError, type Destination, type Row, type TimeRange } from 'hookline/plugin';
import { exists, syncFolder } from './disk.js';
import { translated } from './errors.js';
import { Ledger } from './ledger.js';
import { RowFile, readRows } from './row-file.js';

/**
 * A table is a folder: files that rows are appended to, and a ledger that says which of their bytes
 * count. A batch has landed when it is in the ledger, under its id.
 */
export class FileDestination implements Destination {
  readonly #folder: string;
  readonly #files = new Map<string, Promise<RowFile>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await translated(() => access(this.#folder, constants.W_OK));
  }

  async ensureTable(table: string, signal: AbortSignal): Promise<void> {
    await this.check([table], signal);
    const folder = this.#folderOf(table);
    await translated(async () => {
      await mkdir(this.#ledgerOf(table).folder, { recursive: true });
      await syncFolder(folder);
      await syncFolder(this.#folder);
    });
  }

  async check(tables: readonly string[], signal: AbortSignal): Promise<void> {
    await this.open(signal);
    for (const table of tables) {
      const folder = this.#folderOf(table);
      await translated(async () => {
        if (await exists(folder)) await access(folder, constants.W_OK);
      });
    }
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await translated(async () => {
      const ledger = this.#ledgerOf(batch.table);
      if (await ledger.has(batch.id)) return;
      signal.throwIfAborted();
      const file = await this.#fileOf(batch.table);
      const range = await file.append(batch.rows);
      signal.throwIfAborted();
      await ledger.enter(batch.id, range);
    });
  }

  /** Reads every row: a warehouse would sort by an index. */
  async latest(table: string, limit: number, signal: AbortSignal): Promise<Row[]> {
    const rows: Row[] = [];
    await translated(async () => {
      for (const range of await this.#ledgerOf(table).ranges()) {
        signal.throwIfAborted();
        rows.push(...(await readRows(this.#folderOf(table), range)));
      }
    });
    return rows.sort((a, b) => b.timestamp - a.timestamp).slice(0, limit);
  }

  /** Batch by batch: what is listed is never in memory as a whole. */
  async *requestIds(table: string, { from, to }: TimeRange, signal: AbortSignal): AsyncGenerator<string[]> {
    for (const range of await translated(() => this.#ledgerOf(table).ranges())) {
      signal.throwIfAborted();
      const rows = await translated(() => readRows(this.#folderOf(table), range));
      const found = rows.filter(({ timestamp }) => timestamp >= from && timestamp < to);
      yield found.map(({ requestId }) => requestId);
    }
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.allSettled(files.map(async (file) => (await file).close()));
  }

  #folderOf(table: string): string {
    if (/^\w{1,200}$/.test(table)) return join(this.#folder, table);
    throw new ConfigError(`table ${table}: use 1 to 200 letters a-z, digits and _`);
  }

  #ledgerOf(table: string): Ledger {
    return new Ledger(join(this.#folderOf(table), 'ledger'));
  }

  #fileOf(table: string): Promise<RowFile> {
    const known = this.#files.get(table);
    if (known !== undefined) return known;
    const file = RowFile.create(this.#folderOf(table));
    this.#files.set(table, file);
    file.catch(() => this.#files.delete(table));
    return file;
  }
}
