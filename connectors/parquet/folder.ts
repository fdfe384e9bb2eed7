import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { access, constants, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ConfigError } from 'hookline/plugin';
import { enterable, hasLinks, ignoring, put, setMode, sync } from './disk.js';
import { instructedFolder } from './errors.js';
import { ownFolder } from './name.js';
import { Gone, type Store, type StoredFile } from './store.js';

/** Drafts that a killed process has left are removed so long after; no write takes that time. */
const draftAge = 24 * 3_600_000;

/** A lake in a folder. A file is written aside, flushed, and linked to its name: so it is there at once, whole. */
export class FolderStore implements Store {
  readonly root: string;
  /** Of files that it makes, whatever the process's umask. */
  readonly #mode: number;
  /** Folders that are there and are flushed, as far as this process knows. */
  readonly #made = new Set<string>();

  constructor(root: string, mode: number) {
    this.root = root;
    this.#mode = mode;
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.check(signal);
  }

  async check(signal: AbortSignal): Promise<void> {
    await this.#do(`checking ${this.root}`, signal, () => this.#writable(this.root));
  }

  async checkFolder(table: string, signal: AbortSignal): Promise<void> {
    await this.#do(`checking ${table}`, signal, async () => {
      const folder = join(this.root, table);
      const found = await stat(folder).catch(ignoring('ENOENT', undefined));
      if (found === undefined) return;
      const name = join(this.root, table);
      if (!found.isDirectory()) throw new ConfigError(`${name} is no folder; choose another table`);
      const names = await readdir(this.root);
      if (!names.includes(table)) {
        throw new ConfigError(
          `a folder that differs from ${table} in its capitals, or in how accents are encoded, alone is in ${this.root}, and this file system does not tell them apart; choose another table`,
        );
      }
      await this.#writable(folder);
    });
  }

  async makeFolder(table: string, signal: AbortSignal): Promise<void> {
    await this.#do(`making ${table}`, signal, async () => {
      await this.#make(join(this.root, table));
      await this.#tidy();
    });
  }

  async folders(folder: string, signal: AbortSignal): Promise<string[]> {
    const entries = await this.#entries(folder, signal);
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  async files(folder: string, signal: AbortSignal): Promise<StoredFile[]> {
    const found: StoredFile[] = [];
    for (const entry of await this.#entries(folder, signal)) {
      const key = `${folder}/${entry.name}`;
      const size = entry.isFile() ? await this.#size(key) : undefined;
      if (size !== undefined) found.push({ key, bytes: size });
    }
    return found;
  }

  async *all(folder: string, signal: AbortSignal): AsyncGenerator<StoredFile> {
    yield* await this.files(folder, signal);
    for (const name of await this.folders(folder, signal)) yield* this.all(`${folder}/${name}`, signal);
  }

  async has(key: string, signal: AbortSignal): Promise<boolean> {
    return await this.#do(`looking at ${key}`, signal, async () => (await this.#size(key)) !== undefined);
  }

  /** As `has`; what is there survives a power cut then, also where whoever made it was killed before it flushed that. */
  async keeps(key: string, signal: AbortSignal): Promise<boolean> {
    if (!(await this.has(key, signal))) return false;
    await this.#do(`flushing ${key}`, signal, () => sync(dirname(join(this.root, key))));
    return true;
  }

  async read(key: string, signal: AbortSignal): Promise<Buffer | undefined> {
    return await this.#do(`reading ${key}`, signal, () =>
      readFile(join(this.root, key)).catch(ignoring('ENOENT', undefined)),
    );
  }

  async local<T>({ key }: StoredFile, signal: AbortSignal, task: (path: string) => Promise<T>): Promise<T> {
    if (!(await this.has(key, signal))) throw new Gone(key);
    try {
      return await task(join(this.root, key));
    } catch (error) {
      if (!(await this.has(key, signal))) throw new Gone(key);
      throw error;
    }
  }

  async footer<T>(file: StoredFile, signal: AbortSignal, task: (path: string) => Promise<T>): Promise<T> {
    return await this.local(file, signal, task);
  }

  async draft<T>(task: (path: string) => Promise<T>): Promise<T> {
    const path = join(this.#drafts, `${randomUUID()}.draft`);
    try {
      await this.#do('writing a draft', undefined, async () => {
        // Others have no business with what is half written, and with what DuckDB itself makes there.
        await this.#make(this.#drafts, 0o700);
        await (await open(path, 'wx')).close();
      });
      return await task(path);
    } finally {
      await rm(path, { force: true }).catch(() => {});
    }
  }

  async create(key: string, draft: string, signal: AbortSignal): Promise<boolean> {
    return await this.#do(`making ${key}`, signal, async () => {
      const path = join(this.root, key);
      await setMode(draft, this.#mode);
      await sync(draft);
      await this.#make(dirname(path));
      signal.throwIfAborted();
      const made = await put(draft, path).catch(ignoring('EEXIST', false));
      // Also of one that was there: who made it may have been killed before.
      await sync(dirname(path));
      return made;
    });
  }

  async isExclusive(): Promise<boolean> {
    return await this.draft(hasLinks);
  }

  async remove(keys: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#do(`removing ${keys.length} files`, signal, async () => {
      for (const key of keys) await rm(join(this.root, key), { force: true });
      for (const folder of new Set(keys.map((key) => dirname(join(this.root, key))))) await sync(folder);
    });
  }

  async close(): Promise<void> {
    this.#made.clear();
  }

  get #drafts(): string {
    return join(this.root, ownFolder, 'drafts');
  }

  async #entries(folder: string, signal: AbortSignal): Promise<Dirent[]> {
    const found = await this.#do(`listing ${folder}`, signal, () =>
      readdir(join(this.root, folder), { withFileTypes: true }).catch(ignoring('ENOENT', [])),
    );
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #size(key: string): Promise<number | undefined> {
    return (await stat(join(this.root, key)).catch(ignoring('ENOENT', undefined)))?.size;
  }

  /** Proves that files could be made in a folder, or that it could be made. */
  async #writable(folder: string): Promise<void> {
    let there = folder;
    while ((await stat(there).catch(ignoring('ENOENT', undefined))) === undefined) there = dirname(there);
    if (!(await stat(there)).isDirectory()) throw new ConfigError(`${there} is no folder`);
    await access(there, constants.R_OK | constants.W_OK | constants.X_OK);
    // A file system that cannot would lose files, or names, in a power cut.
    await sync(there);
  }

  /** With the folders above it; a new one survives a power cut once the one above it is flushed too. */
  async #make(folder: string, mode = enterable(this.#mode)): Promise<void> {
    if (this.#made.has(folder) && (await stat(folder).catch(ignoring('ENOENT', undefined))) !== undefined)
      return;
    if (relative(this.root, folder) !== '') await this.#make(dirname(folder));
    const first = await mkdir(folder, { recursive: true });
    for (let made = folder; first !== undefined && made.length >= first.length; made = dirname(made)) {
      await setMode(made, mode);
    }
    await sync(dirname(folder));
    this.#made.add(folder);
  }

  async #tidy(): Promise<void> {
    for (const name of await readdir(this.#drafts).catch(ignoring('ENOENT', []))) {
      const path = join(this.#drafts, name);
      const found = await stat(path).catch(ignoring('ENOENT', undefined));
      if (found !== undefined && Date.now() - found.mtimeMs > draftAge) await rm(path, { force: true });
    }
  }

  async #do<T>(what: string, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await task();
    } catch (error) {
      throw instructedFolder(error, what);
    }
  }
}
