import { randomUUID } from 'node:crypto';
import { access, chmod, constants, link, mkdir, open, readlink, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { DuckDBInstance } from '@duckdb/node-api';
import { ConfigError, messageOf, RetryableError } from '../../core/contract/errors.js';
import { instructed } from './errors.js';
import { createInstance } from './instance.js';

/** The newest storage version that the bundled DuckDB reads; a test compares the two. */
export const newestStorageVersion = 68n;

export interface OpenDatabase {
  readonly instance: DuckDBInstance;
  /** DuckDB's name for the file, which is its own without the ending. A schema may have the same name. */
  readonly catalog: string;
}

/** Opens a database, making it when it is missing. @param mode who may read and write the file and its log */
export async function openDatabase(
  path: string,
  config: Readonly<Record<string, string>>,
  mode: number,
  doing: string,
): Promise<OpenDatabase> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (!(await isThere(path))) await createDatabase(path, config, mode);
    for (const name of [path, `${path}.wal`]) await permit(name, mode);
    const instance = await createInstance(path, config);
    return { instance, catalog: await prepare(instance) };
  } catch (error) {
    throw await refusal(path, error, doing);
  }
}

/** By itself the end of an instance writes its memory into the file, in whatever state that is. */
async function prepare(instance: DuckDBInstance): Promise<string> {
  try {
    const connection = await instance.connect();
    await connection.run('PRAGMA disable_checkpoint_on_shutdown');
    const [row] = (await connection.runAndReadAll('SELECT current_database()')).getRows();
    connection.closeSync();
    return String(row?.[0]);
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

/** One of another user's stays as it is, and so do those of a file system without modes. */
async function permit(path: string, mode: number): Promise<void> {
  await chmod(path, mode).catch((error: NodeJS.ErrnoException) => {
    if (!['ENOENT', 'EPERM', 'ENOTSUP', 'ENOSYS'].includes(String(error.code))) throw error;
  });
}

export async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** Proves that the database could be made, and makes nothing. */
export async function checkFolder(path: string, doing: string): Promise<void> {
  let folder = dirname(path);
  while (!(await isThere(folder)) && folder !== dirname(folder)) folder = dirname(folder);
  try {
    if (!(await stat(folder)).isDirectory()) throw new ConfigError(`${doing}: ${folder} is no folder`);
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${doing}: ${path} cannot be made: ${messageOf(error)}`, { cause: error });
  }
}

/** One name for one file, whatever symbolic links lead to it, and whether it and its folders are there yet or not. */
export async function canonical(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const folder = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || folder === path) return path;
    const target = await readlink(path).catch(() => undefined);
    return target === undefined
      ? join(await canonical(folder), basename(path))
      : await canonical(resolve(folder, target));
  }
}

/**
 * Makes it under another name and links it into place: a process killed in between would leave a file
 * without a header, which no DuckDB opens again. Whoever links second finds the other's and uses that.
 */
async function createDatabase(
  path: string,
  config: Readonly<Record<string, string>>,
  mode: number,
): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`;
  try {
    const instance = await createInstance(draft, config);
    const connection = await instance.connect();
    await connection.run('CHECKPOINT');
    connection.closeSync();
    instance.closeSync();
    await permit(draft, mode);
    await link(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // A file system without links: DuckDB makes the file by itself.
    if (!['EEXIST', 'EPERM', 'ENOTSUP', 'ENOSYS'].includes(String((error as NodeJS.ErrnoException).code))) {
      throw error;
    }
  } finally {
    await rm(draft, { force: true });
    await rm(`${draft}.wal`, { force: true });
  }
}

/** Without it a power cut could take the file's name away from rows that have been settled. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Why a file does not open. DuckDB gives no code here, so a look at the file decides. */
async function refusal(path: string, error: unknown, doing: string): Promise<unknown> {
  const system = (error as NodeJS.ErrnoException).code;
  if (system === 'ENOSPC' || system === 'EIO' || system === 'EMFILE') {
    return new RetryableError(`${doing}: ${messageOf(error)}`, { cause: error });
  }
  if (typeof system === 'string') {
    return new ConfigError(`${doing}: ${path} cannot be made: ${messageOf(error)}`, { cause: error });
  }
  const fault = await faultOfFile(path).catch((cause: unknown) => `cannot be read: ${messageOf(cause)}`);
  if (fault !== undefined) return new ConfigError(`${doing}: ${path} ${fault}`, { cause: error });
  // What it says of the log is of no type.
  if (/replaying WAL/i.test(messageOf(error))) {
    return new ConfigError(
      `${doing}: DuckDB cannot read its log ${path}.wal, in which rows may be that are not in the file yet: put both back from one backup; or move the log away and see by hookline reconcile what is missing`,
      { cause: error },
    );
  }
  const known = instructed(error, doing);
  if (known !== error) return known;
  return new RetryableError(`${doing}: ${messageOf(error)}`, { cause: error });
}

/** https://duckdb.org/docs/stable/internals/storage: a checksum of 8 bytes, `DUCK`, the version. */
async function faultOfFile(path: string): Promise<string | undefined> {
  if (!(await isThere(path))) return undefined;
  if (!(await stat(path)).isFile()) return 'is no file';
  await access(path, constants.R_OK | constants.W_OK);
  const handle = await open(path, 'r');
  try {
    const header = Buffer.alloc(20);
    const { bytesRead } = await handle.read(header, 0, header.length, 0);
    if (bytesRead < header.length || header.toString('latin1', 8, 12) !== 'DUCK') {
      return 'is not a DuckDB database; choose another path';
    }
    const version = header.readBigUInt64LE(12);
    if (version > newestStorageVersion) {
      return `has storage version ${version}, made by a newer DuckDB; this Hookline reads ${newestStorageVersion} at most: upgrade it, or choose another path`;
    }
    return undefined;
  } finally {
    await handle.close();
  }
}
