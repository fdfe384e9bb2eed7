import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import {
  type Batch,
  ConfigError,
  chart,
  type Destination,
  definePlugin,
  PermanentError,
  type Plugin,
  path,
  RetryableError,
  type Row,
  secret,
  type TimeRange,
} from '../../core/index.js';

export interface FileOptions {
  readonly folder: string;
  readonly password: string;
}

/**
 * A fake warehouse, intact: a file for each batch, named after it. In its folder lie a `password`, and
 * `outage` while there is one; in a table's folder lie its `columns`, and `read-only` where there is no grant.
 */
export class FileDestination implements Destination {
  readonly #options: FileOptions;

  constructor(options: FileOptions) {
    this.#options = options;
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#reach(signal);
    const password = await readFile(join(this.#options.folder, 'password'), 'utf8').catch(() => undefined);
    if (password === undefined) throw new ConfigError('the warehouse has no such folder');
    if (password !== this.#options.password) throw new ConfigError('the password is wrong');
  }

  async ensureTable(table: string, signal: AbortSignal): Promise<void> {
    await this.check([table], signal);
    const folder = this.#folderOf(table);
    await mkdir(folder, { recursive: true });
    await place(join(folder, 'columns'), columns);
  }

  async check(tables: readonly string[], signal: AbortSignal): Promise<void> {
    this.#reach(signal);
    for (const table of tables) {
      const folder = this.#folderOf(table);
      if (existsSync(join(folder, 'read-only'))) throw new ConfigError(`table ${table}: no right to write`);
      const found = await readFile(join(folder, 'columns'), 'utf8').catch(() => columns);
      if (found !== columns) throw new ConfigError(`table ${table}: it has the columns ${found}`);
    }
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    await this.check([batch.table], signal);
    const folder = this.#folderOf(batch.table);
    if (!existsSync(folder)) throw new ConfigError(`table ${batch.table}: it is not there`);
    const lines: string[] = [];
    for (const [at, row] of batch.rows.entries()) {
      if (at % 1000 === 0) await setImmediate(undefined, { signal });
      lines.push(this.encode(row));
    }
    await place(join(folder, `${batch.id}.rows`), lines.join('\n'), signal);
  }

  async latest(table: string, limit: number, signal: AbortSignal): Promise<Row[]> {
    this.#reach(signal);
    const rows = await readRows(this.#options.folder, table);
    return rows.sort((a, b) => b.timestamp - a.timestamp).slice(0, limit);
  }

  async *requestIds(
    table: string,
    { from, to }: TimeRange,
    signal: AbortSignal,
  ): AsyncGenerator<readonly string[]> {
    this.#reach(signal);
    const rows = await readRows(this.#options.folder, table);
    const found = rows.filter(({ timestamp }) => timestamp >= from && timestamp < to);
    for (let at = 0; at < found.length; at += 5000) yield this.list(found.slice(at, at + 5000));
  }

  async close(): Promise<void> {}

  /** One piece of a list. */
  protected list(rows: readonly Row[]): string[] {
    return rows.map(({ requestId }) => requestId);
  }

  /** One line. */
  protected encode({ body, ...rest }: Row): string {
    try {
      return JSON.stringify({ ...rest, body: utf8.decode(body) });
    } catch {
      throw new PermanentError(`the row ${rest.requestId} is not in UTF-8`);
    }
  }

  #reach(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (existsSync(join(this.#options.folder, 'outage'))) throw new RetryableError('there is an outage');
  }

  #folderOf(table: string): string {
    const folder = folderOf(this.#options.folder, table);
    if (folder === undefined) throw new ConfigError(`table ${table}: its name is empty, or too long`);
    return folder;
  }
}

/** Whole or not at all, whoever looks, and whatever is killed. */
async function place(file: string, text: string, signal?: AbortSignal): Promise<void> {
  const draft = `${file}.${randomUUID()}.draft`;
  await writeFile(draft, text, { flush: true });
  signal?.throwIfAborted();
  await rename(draft, file);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const columns = chart.map(({ name }) => name).join(', ');

/** Where a table lies; undefined when a file system has no room for its name. */
export function folderOf(folder: string, table: string): string | undefined {
  const name = encodeURIComponent(table);
  return name === '' || name.length > 200 ? undefined : join(folder, `table ${name}`);
}

/** Every row of a table. */
export async function readRows(folder: string, table: string): Promise<Row[]> {
  const place = folderOf(folder, table) ?? '';
  const names = (await readdir(place).catch(() => [])).filter((name) => name.endsWith('.rows'));
  const texts = await Promise.all(names.map((name) => readFile(join(place, name), 'utf8')));
  return texts.flatMap((text) => text.split('\n').filter(Boolean)).map(decode);
}

function decode(line: string): Row {
  const { body, ...rest } = JSON.parse(line) as Omit<Row, 'body'> & { readonly body: string };
  return { ...rest, body: Buffer.from(body) };
}

/** The plugin `file`, of the intact destination or of a broken one. */
export function filePlugin(Kind: new (options: FileOptions) => FileDestination): Plugin<'destination'> {
  return definePlugin({
    kind: 'destination',
    name: 'file',
    config: z.object({ folder: path(), password: secret() }),
    create: (config) => new Kind(config),
  });
}

export default filePlugin(FileDestination);
