import { createHash, randomUUID } from 'node:crypto';
import {
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './hookline.js';

/** What caches are for on this system; `XDG_CACHE_HOME` has its say on all of them. */
function caches(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return XDG_CACHE_HOME;
  if (process.platform === 'darwin') return join(homedir(), 'Library/Caches');
  if (process.platform === 'win32' && LOCALAPPDATA) return LOCALAPPDATA;
  return join(homedir(), '.cache');
}

/**
 * Keeps what takes minutes to make, from one run to the next and for every clone of this user's. An entry is a link
 * to a folder that was made whole beside it, so that no process ever sees half of one; what its folder then lacks of
 * the files that it was made of, or has in another size, makes it again.
 */
export class Shed {
  readonly #folder: string;

  constructor(folder = join(caches(), 'hookline-tests')) {
    this.#folder = folder;
  }

  /**
   * Resolves to the folder of an entry, which is made unless it is there; waits where another process is at it.
   * @param name says everything that the content depends on, beside the system and the processor
   * @param make fills the folder, which stays where it is
   */
  async get(name: string, make: (folder: string) => Promise<void>): Promise<string> {
    const entry = join(this.#folder, slug(`${name} ${process.platform} ${process.arch}`));
    const found = await whole(entry);
    if (found !== undefined) return found;
    const release = await alone(`${entry}.lock`);
    try {
      return (await whole(entry)) ?? (await renew(entry, make));
    } finally {
      await release();
    }
  }
}

function slug(name: string): string {
  const plain = name.replaceAll(/[^\w.@=-]+/g, '_');
  return plain.length <= 150
    ? plain
    : `${plain.slice(0, 130)}-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

const day = 86_400_000;

/** In each entry: what files it has, as `{ "bin/minio": 103456789 }`. */
const inventory = '.files.json';

/** The folder of an entry that has all that it was made of. */
async function whole(entry: string): Promise<string | undefined> {
  try {
    const folder = await realpath(entry);
    const files = JSON.parse(await readFile(join(folder, inventory), 'utf8')) as Record<string, number>;
    for (const [file, size] of Object.entries(files)) {
      if ((await stat(join(folder, file))).size !== size) return undefined;
    }
    return folder;
  } catch {
    return undefined;
  }
}

async function renew(entry: string, make: (folder: string) => Promise<void>): Promise<string> {
  const draft = await mkdtemp(`${entry}~`);
  try {
    await make(draft);
    await writeFile(join(draft, inventory), JSON.stringify(await sizes(draft)));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  await symlink(basename(draft), `${draft}.link`);
  await rename(`${draft}.link`, entry);
  // What was broken, and what a process left that was killed; not what another may be at.
  for (const other of await readdir(dirname(entry))) {
    const path = join(dirname(entry), other);
    if (!other.startsWith(`${basename(entry)}~`) || other === basename(draft)) continue;
    const { mtimeMs } = await lstat(path);
    if (mtimeMs < Date.now() - day) await rm(path, { recursive: true, force: true });
  }
  return draft;
}

/** Of all files but what Python compiles as it goes. */
async function sizes(folder: string): Promise<Record<string, number>> {
  const files: Record<string, number> = {};
  for (const file of await readdir(folder, { recursive: true })) {
    if (file.includes('__pycache__')) continue;
    const found = await lstat(join(folder, file));
    if (found.isFile()) files[file] = found.size;
  }
  return files;
}

/** Milliseconds for which a lock's holder may be silent. */
const silence = 60_000;

/** Resolves once this process alone holds the lock, a file with its id in it, to what lets it go. */
async function alone(lock: string): Promise<() => Promise<void>> {
  const mine = `${lock}.${randomUUID()}`;
  await mkdir(dirname(lock), { recursive: true });
  for (;;) {
    await writeFile(mine, String(process.pid));
    try {
      await link(mine, lock);
      const beat = setInterval(() => utimes(lock, new Date(), new Date()).catch(() => {}), silence / 10);
      beat.unref();
      return async () => {
        clearInterval(beat);
        await rm(lock, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(mine, { force: true });
    }
    // Should two take over at once, each makes a folder of its own, and both are whole.
    if (await isAbandoned(lock)) await rm(lock, { force: true });
    await sleep(200);
  }
}

/** Its holder was killed, and so is gone, or is another process that has the same id now. */
async function isAbandoned(lock: string): Promise<boolean> {
  try {
    const [holder, { mtimeMs }] = [Number(await readFile(lock, 'utf8')), await stat(lock)];
    return !isAlive(holder) || mtimeMs < Date.now() - silence;
  } catch {
    return false;
  }
}
