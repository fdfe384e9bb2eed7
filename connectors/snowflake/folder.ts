import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from 'hookline/plugin';

const prefix = 'hookline-snowflake-';

/** Those of this process: one with its number that is not among them is of an earlier one. */
const own = new Set<string>();

/**
 * A folder of the user's own for the files of batches, readable by nobody else. Its name bears the process's
 * number, so that what a killed process has left is known, and removed when the next one opens.
 */
export class Folder {
  readonly #parent: string;
  #path: string | undefined;

  /** @param parent the system's temporary folder unless set */
  constructor(parent: string = tmpdir()) {
    this.#parent = parent;
  }

  async open(): Promise<void> {
    if (this.#path !== undefined) return;
    try {
      await sweep(this.#parent);
      this.#path = await mkdtemp(join(this.#parent, `${prefix}${process.pid}-`));
    } catch (cause) {
      throw new ConfigError(`tempFolder: no folder can be made in ${this.#parent}`, { cause });
    }
    own.add(this.#path);
  }

  /** Runs `work` with a folder inside that is gone afterwards. */
  async use<T>(work: (folder: string) => Promise<T>): Promise<T> {
    await this.open();
    const folder = await mkdtemp(join(this.#path ?? '', 'batch-'));
    try {
      return await work(folder);
    } finally {
      await remove(folder);
    }
  }

  async close(): Promise<void> {
    const path = this.#path;
    this.#path = undefined;
    if (path === undefined) return;
    await remove(path);
    own.delete(path);
  }
}

async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    const path = join(parent, name);
    if (pid === undefined || own.has(path) || runs(Number(pid))) continue;
    // It may be another user's, who will remove it.
    await remove(path).catch(() => {});
  }
}

/** Whether another process has that number. In a container it is always the same one, and so of an earlier life. */
function runs(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
