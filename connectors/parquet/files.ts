import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBBlobValue, DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { RetryableError, type Row, type TimeRange } from 'hookline/plugin';
import { faultOf, instructed } from '../duckdb/errors.js';
import { createInstance } from '../duckdb/instance.js';
import { listTexts } from '../duckdb/list.js';
import { quoteText } from '../duckdb/name.js';
import { quotePattern } from './name.js';
import { type Column, columns } from './shape.js';

/** Of a row group, in bytes before compression: readers take one at a time into memory. */
const groupBytes = 64 * 1024 ** 2;
/** DuckDB's default, in rows; and the fewest that it divides a file by. */
const [mostRows, fewestRows] = [122_880, 2048];

const definition = columns.map(({ name, type }) => `${name} ${type} NOT NULL`).join(', ');
const [requestId, timestamp, key, body] = columns.map(({ name }) => name);

export interface FileSize {
  readonly rows: number;
  /** Before compression. */
  readonly rawBytes: number;
}

/** There may be room later, or for less at once. */
export class OutOfMemory extends RetryableError {}

export interface FilesSettings {
  /** Bytes. */
  readonly memoryLimit: number;
  readonly threads: number;
}

/**
 * Parquet files of this machine, written and read by a DuckDB in memory. What it writes depends on the rows
 * alone: the same rows in the same order are the same bytes.
 */
export class ParquetFiles {
  readonly #settings: FilesSettings;
  #database: Promise<DuckDBInstance> | undefined;
  #overflow: string | undefined;

  constructor(settings: FilesSettings) {
    this.#settings = settings;
  }

  /** Writes rows to a file that may be there. */
  async write(rows: readonly Row[], path: string, signal: AbortSignal): Promise<void> {
    await this.#use('writing a file', signal, async (connection) => {
      const table = `rows_${randomUUID().replaceAll('-', '')}`;
      await connection.run(`CREATE TEMP TABLE ${table} (${definition})`);
      try {
        const { appendRows } = await import('../duckdb/append.js');
        await appendRows(connection, { catalog: 'temp', schema: 'main', table }, rows, signal);
        const bytes = rows.reduce((sum, row) => sum + row.body.length, 0);
        await connection.run(copyOf(`temp.${table}`, path, { rows: rows.length, rawBytes: bytes }));
      } finally {
        await connection.run(`DROP TABLE ${table}`).catch(() => {});
      }
    });
  }

  /** Writes the rows of files into one, in their order, with every column that one of them has. */
  async merge(paths: readonly string[], size: FileSize, path: string, signal: AbortSignal): Promise<void> {
    await this.#use('merging files', signal, async (connection) => {
      await connection.run(copyOf(`(SELECT * FROM ${scan(paths)})`, path, size));
    });
  }

  async size(path: string, signal: AbortSignal): Promise<FileSize> {
    const [row] = await this.#read(
      'measuring a file',
      signal,
      `SELECT (SELECT sum(num_rows) FROM parquet_file_metadata(${quotePattern(path)})),
              (SELECT coalesce(sum(total_uncompressed_size), 0) FROM parquet_metadata(${quotePattern(path)}))`,
    );
    return { rows: Number(row?.[0]), rawBytes: Number(row?.[1]) };
  }

  /** The columns of a file, by its footer. */
  async columns(path: string, signal: AbortSignal): Promise<Column[]> {
    const rows = await this.#read(
      'reading the footer of a file',
      signal,
      `SELECT name, coalesce(duckdb_type, type, 'group'), repetition_type = 'REQUIRED'
         FROM parquet_schema(${quotePattern(path)}) WHERE column_id > 0 ORDER BY column_id`,
    );
    return rows.map(([name, type, mandatory]) => ({
      name: String(name),
      type: String(type),
      mandatory: mandatory === true,
    }));
  }

  /** The newest rows of a file, newest first. */
  async newest(path: string, limit: number, signal: AbortSignal): Promise<Row[]> {
    const rows = await this.#read(
      'reading a file',
      signal,
      `SELECT ${requestId}, ${timestamp}, ${key}, encode(${body}) FROM ${scan([path])}
        ORDER BY ${timestamp} DESC LIMIT ${Math.trunc(limit)}`,
    );
    return rows.map(([id, at, key, body]) => ({
      requestId: String(id),
      timestamp: Number(at),
      key: String(key),
      body: (body as DuckDBBlobValue).bytes,
    }));
  }

  /** Offers the request ids of the rows of a range. */
  async list(
    path: string,
    { from, to }: TimeRange,
    signal: AbortSignal,
    offer: (ids: string[]) => Promise<void>,
  ): Promise<void> {
    await this.#use('listing a file', signal, async (connection) => {
      await listTexts(
        connection,
        `SELECT ${requestId} FROM ${scan([path])}
          WHERE ${timestamp} >= '${from}'::DOUBLE AND ${timestamp} < '${to}'::DOUBLE`,
        offer,
        signal,
      );
    });
  }

  async close(): Promise<void> {
    const database = await this.#database?.catch(() => undefined);
    this.#database = undefined;
    database?.closeSync();
    if (this.#overflow !== undefined) await rm(this.#overflow, { recursive: true, force: true });
  }

  async #read(doing: string, signal: AbortSignal, sql: string): Promise<DuckDBValue[][]> {
    return await this.#use(doing, signal, async (connection) => {
      return (await connection.runAndReadAll(sql)).getRows();
    });
  }

  async #use<T>(
    doing: string,
    signal: AbortSignal,
    work: (connection: DuckDBConnection) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    this.#database ??= this.#open();
    const connection = await (await this.#database).connect();
    const abort = () => connection.interrupt();
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await work(connection);
    } catch (error) {
      signal.throwIfAborted();
      if (faultOf(error)?.type === 'Out of Memory') {
        throw new OutOfMemory(
          `${doing}: it takes more memory than memoryLimit allows: raise it, or lower flush.bytes`,
        );
      }
      throw instructed(error, doing);
    } finally {
      signal.removeEventListener('abort', abort);
      connection.closeSync();
    }
  }

  /** What does not fit into its memory goes to a folder of this instance's own. */
  #open(): Promise<DuckDBInstance> {
    const { memoryLimit, threads } = this.#settings;
    this.#overflow ??= join(tmpdir(), `hookline-parquet-${randomUUID()}`);
    return createInstance(':memory:', {
      memory_limit: `${memoryLimit}B`,
      threads: String(threads),
      temp_directory: this.#overflow,
      errors_as_json: 'true',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
  }
}

function copyOf(source: string, path: string, { rows, rawBytes }: FileSize): string {
  const fitting = Math.floor(groupBytes / Math.max(1, rawBytes / Math.max(1, rows)));
  const group = Math.min(mostRows, Math.max(fewestRows, fitting));
  return `COPY ${source} TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${group}, USE_TMP_FILE false)`;
}

function scan(paths: readonly string[]): string {
  const list = paths.map(quotePattern).join(', ');
  return `read_parquet([${list}], union_by_name = true, hive_partitioning = false)`;
}
