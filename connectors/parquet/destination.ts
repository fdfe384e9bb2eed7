import { isUtf8 } from 'node:buffer';
import { stat } from 'node:fs/promises';
import {
  type Batch,
  type Compaction,
  ConfigError,
  type Count,
  type Destination,
  instructionOf,
  type Metrics,
  PermanentError,
  pulled,
  type Row,
  type TableName,
  type TimeRange,
} from 'hookline/plugin';
import { BucketStore } from './bucket.js';
import { Compactor } from './compactor.js';
import { ParquetFiles } from './files.js';
import { FolderStore } from './folder.js';
import { listRows } from './listed.js';
import { Merges } from './merges.js';
import { folderOf } from './name.js';
import { newestRows } from './newest.js';
import type { ParquetOptions } from './options.js';
import { placeOf } from './place.js';
import { misfit } from './shape.js';
import type { Store, StoredFile } from './store.js';

/**
 * A file for each batch, named after it: it appears at once, and a second time finds it there. A batch has
 * rows of one hour only, which is the engine's doing: so there is never a part of one to be seen.
 */
export class ParquetDestination implements Destination {
  readonly #store: Store;
  readonly #files: ParquetFiles;
  readonly #compactor: Compactor;
  readonly #made: Count;
  readonly #bytes: Count;
  readonly #running = new Set<Promise<unknown>>();
  /** Of a folder alone: DuckDB reads S3 by an extension that it would have to fetch. */
  readonly query?: NonNullable<Destination['query']>;
  /** Of a folder alone: S3 may have a killed process's file still before it. */
  readonly retire?: NonNullable<Destination['retire']>;

  constructor(options: ParquetOptions, metrics: Metrics) {
    this.#store = storeOf(options, metrics);
    this.#files = new ParquetFiles(options);
    this.#compactor = new Compactor(this.#store, this.#files, options);
    this.#made = metrics.counter('hookline_parquet_files_total', 'Parquet files made');
    const store = this.#store;
    if (store instanceof FolderStore) {
      // What a process has not put into its place ended with it.
      this.retire = async (batch, signal) =>
        (await this.#run(this.#has(store, batch, signal))) ? 'landed' : 'void';
      this.query = async (sql, limit, signal) => {
        const { queryFolder } = await import('./query.js');
        return await this.#run(queryFolder(this.#store, options, sql, limit, signal));
      };
    }
    this.#bytes = metrics.counter('hookline_parquet_bytes_total', 'Bytes of the Parquet files made');
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#store.open(signal);
  }

  async ensureTable(table: TableName, signal: AbortSignal): Promise<void> {
    await this.#fits(table, signal);
    await this.#store.makeFolder(table, signal);
  }

  async check(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    for (const table of tables) folderOf(table);
    await this.#store.check(signal);
    for (const table of tables) await this.#fits(table, signal);
  }

  partition(row: Row): string {
    return placeOf(row.timestamp);
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    await this.#run(this.#write(batch, signal));
  }

  async latest(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]> {
    return await this.#run(newestRows(this.#store, this.#files, folderOf(table), limit, signal));
  }

  requestIds(table: TableName, range: TimeRange, signal: AbortSignal): AsyncIterable<string[]> {
    const folder = folderOf(table);
    return pulled((offer) => this.#run(listRows(this.#store, this.#files, folder, range, offer, signal)));
  }

  async compact(table: TableName, dry: boolean, signal: AbortSignal): Promise<Compaction[]> {
    return await this.#run(this.#compactor.compact(folderOf(table), dry, signal));
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#running);
    await this.#files.close();
    await this.#store.close();
  }

  async #write({ id, table, rows }: Batch, signal: AbortSignal): Promise<void> {
    const doing = `writing to ${table}`;
    const [place, ...others] = new Set(rows.map(({ timestamp }) => placeOf(timestamp)));
    if (place === undefined) return;
    // Nothing is written yet: the engine divides it until each part is of one hour.
    if (others.length > 0) throw new PermanentError(`${doing}: the batch has rows of several hours`);
    if (!rows.every(({ body }) => isUtf8(body))) {
      const code = 'not UTF-8';
      throw new PermanentError(`${doing}: a body is not UTF-8, which a text of Parquet must be`, { code });
    }
    const folder = `${folderOf(table)}/${place}`;
    const name = `${id}.parquet`;
    const merges = new Merges(this.#store, folder);
    if (await merges.took(name, signal)) return;
    await this.#store.draft(async (draft) => {
      await this.#files.write(rows, draft, signal);
      if (await this.#store.create(`${folder}/${name}`, draft, signal)) {
        this.#made.add(1);
        this.#bytes.add((await stat(draft)).size);
      }
    });
    // It may have been merged and removed since it was looked for, so that this made it a second time.
    await merges.took(name, signal);
  }

  async #has(store: FolderStore, { id, table, rows }: Batch, signal: AbortSignal): Promise<boolean> {
    const name = `${id}.parquet`;
    for (const place of new Set(rows.map(({ timestamp }) => placeOf(timestamp)))) {
      const folder = `${folderOf(table)}/${place}`;
      // In this order: a merge notes what it took before it removes it.
      if (await store.keeps(`${folder}/${name}`, signal)) return true;
      if (await new Merges(store, folder).took(name, signal)) return true;
    }
    return false;
  }

  /** @throws ConfigError when the name cannot be a folder's, or files of another shape are in it */
  async #fits(table: TableName, signal: AbortSignal): Promise<void> {
    const folder = folderOf(table);
    await this.#store.checkFolder(folder, signal);
    const file = await this.#sample(folder, signal);
    if (file === undefined) return;
    const fault = await this.#store
      .footer(file, signal, async (path) => misfit(await this.#files.columns(path, signal)))
      .catch((error: unknown) => {
        if (instructionOf(error) === 'permanent') return 'it is no Parquet file';
        throw error;
      });
    if (fault === undefined) return;
    throw new ConfigError(
      `${file.key} in ${this.#store.root} has another shape and is left as it is: ${fault}. Move it away, or choose another table than ${table}`,
    );
  }

  /** Any one Parquet file of a table, whoever made it, that readers look at. */
  async #sample(folder: string, signal: AbortSignal): Promise<StoredFile | undefined> {
    for await (const file of this.#store.all(folder, signal)) {
      if (file.key.endsWith('.parquet') && !/\/[_.]/.test(file.key.slice(folder.length))) return file;
    }
    return undefined;
  }

  /** What was given up may still go on: `close` waits for it. */
  async #run<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }
}

function storeOf(options: ParquetOptions, metrics: Metrics): Store {
  const { path, bucket, mode } = options;
  if (bucket !== undefined) {
    const requests = metrics.counter('hookline_parquet_requests_total', 'Requests to S3', ['operation']);
    return new BucketStore({ ...options, bucket }, requests);
  }
  return new FolderStore(path as string, Number.parseInt(mode, 8));
}
