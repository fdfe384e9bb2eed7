import { chmod, link, open, rename, rm, stat } from 'node:fs/promises';

/** What a file system says that has no links, or no modes. */
const unlinked = ['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'];

/** Whether the file system that a file is on has links: then `put` is sure to make a name but once. */
export async function hasLinks(path: string): Promise<boolean> {
  const other = `${path}.link`;
  try {
    await link(path, other);
    return true;
  } catch (error) {
    if (!unlinked.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return false;
  } finally {
    await rm(other, { force: true });
  }
}

/** Gives the file its name. @throws EEXIST when there is one */
export async function put(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
  } catch (error) {
    // A file system without links: the same contents may then take the place of the same contents.
    if (!unlinked.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    if ((await stat(path).catch(ignoring('ENOENT', undefined))) !== undefined) return false;
    await rename(draft, path);
  }
  return true;
}

/** Where a file system knows no modes, whoever has mounted it says who may read. */
export async function setMode(path: string, mode: number): Promise<void> {
  await chmod(path, mode).catch((error: NodeJS.ErrnoException) => {
    if (!unlinked.includes(error.code ?? '')) throw error;
  });
}

/** A folder's mode: who may read its files may enter it. */
export function enterable(mode: number): number {
  return mode | ((mode & 0o444) >> 2);
}

/** Without it a power cut could take a file's contents, or a folder's new names, away. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A handler that answers an error of that code with a value. */
export function ignoring<T>(code: string, value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === code) return value;
    throw error;
  };
}
