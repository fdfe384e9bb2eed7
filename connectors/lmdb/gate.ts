import { randomInt } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError } from '../../core/index.js';
import { begun, ended } from './exit.js';
import { isAlive, isForeign, thisProcess } from './process-identity.js';

/** How long a commit waits for others, in milliseconds. */
const patience = 30_000;

/** How long whoever opens it waits, as nobody commits meanwhile. */
const openingPatience = 20_000;

/** How often a process says that it still commits, in milliseconds. */
const beat = 1_000;

/** How long a process that nobody can see from here may do nothing before it is taken for gone, in milliseconds. */
const longestSilence = 5 * beat;

/** Whose a file is: its process, and which of its gates. */
const fileName = /^([0-9]+)-([0-9@]*)-([0-9]+)\.(opening|commits)$/;
const opening = '.opening';
const commits = '.commits';

let gates = 0;

/**
 * Nobody commits to an LMDB environment while somebody opens or closes it.
 *
 * Whoever opens one reads the number of the newest transaction, and some microseconds later writes it where all
 * processes look for it (`mdb_env_open2`; OpenLDAP's ITS#9496, mended there, and in no lmdb-js up to 3.5.6). A
 * commit of another process in between is lost, and soon its pages are given out twice. So whoever opens puts a
 * file in the folder first and then waits until nobody is committing; whoever commits says so first, and then
 * looks whether there is such a file. Of two that do so at once, at least one sees the other.
 *
 * A file says nothing by its content: one without a byte has room on a disk that is full. A process that is
 * killed leaves its files; the others see that it is gone. About 10 µs for a commit.
 */
export class Gate {
  readonly #folder: string;
  readonly #name: string;
  /** Is there while this process is alone, or waits to be. */
  readonly #closed: string;
  /** One byte long while this gate lets a commit through. */
  #file: number;
  readonly #beats: NodeJS.Timeout;
  readonly #silence: number;
  /** Of processes that nobody can see from here: the time of a file, and since when it has been that. */
  readonly #heard = new Map<string, { readonly time: number; readonly since: number }>();
  #passing = 0;
  /** It could not be emptied after the last commit. */
  #full = false;
  #removed = false;

  /** @param path the environment's folder */
  constructor(path: string, silence = longestSilence) {
    this.#silence = silence;
    const { pid, started } = thisProcess();
    this.#folder = join(path, 'gate');
    this.#name = `${pid}-${started}-${++gates}`;
    this.#closed = join(this.#folder, this.#name + opening);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#file = this.#create();
    this.#beats = setInterval(() => this.#beat(), beat).unref();
  }

  /**
   * Runs `action` while nobody commits, and nobody else is here.
   * @param wait milliseconds to wait for others at most
   * @throws RetryableError when somebody does not come to an end
   */
  async alone<T>(action: () => T | Promise<T>, wait = openingPatience): Promise<T> {
    const until = performance.now() + wait;
    try {
      this.#close();
      for (let other = this.#opening(); other !== undefined; other = this.#opening()) {
        this.#reopen();
        await this.#wait(until, randomInt(1, 10), other, 'opening it');
        this.#close();
      }
      for (let other = this.#committing(); other !== undefined; other = this.#committing()) {
        await this.#wait(until, 1, other, 'committing to it');
      }
      this.touch();
      return await action();
    } finally {
      this.#reopen();
    }
  }

  /**
   * Runs `commit` while nobody is alone: at once, in this turn, when nobody is.
   * @throws RetryableError when somebody does not come to an end
   */
  async pass<T>(commit: () => Promise<T>): Promise<T> {
    const until = performance.now() + patience;
    for (;;) {
      let other: number | undefined;
      this.#enter();
      try {
        other = this.#opening();
        if (other === undefined) return await commit();
      } finally {
        this.#leave();
      }
      await this.#wait(until, 1, other, 'opening it');
    }
  }

  /** Says that this process is still there, in the midst of what keeps its timers from it. */
  touch(): void {
    const now = Date.now() / 1000;
    try {
      if (this.#passing > 0) futimesSync(this.#file, now, now);
      if (existsSync(this.#closed)) utimesSync(this.#closed, now, now);
    } catch {
      // The disk does not let it.
    }
  }

  /** Takes the gate's own file away; nothing passes any more. */
  remove(): void {
    if (this.#removed) return;
    this.#removed = true;
    clearInterval(this.#beats);
    closeSync(this.#file);
    rmSync(join(this.#folder, this.#name + commits), { force: true });
  }

  #enter(): void {
    if (this.#removed) throw new RetryableError(`${this.#folder} is closed`);
    if (this.#passing === 0) {
      if (fstatSync(this.#file).nlink === 0) this.#renew();
      ftruncateSync(this.#file, 1);
      begun(this);
    }
    this.#passing++;
  }

  /** Somebody has taken this process for gone: nobody would see it any more. */
  #renew(): void {
    try {
      const file = this.#create();
      closeSync(this.#file);
      this.#file = file;
    } catch (error) {
      // Where the folder is gone, nobody opens this environment any more.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  #create(): number {
    return openSync(join(this.#folder, this.#name + commits), 'w', 0o600);
  }

  /** A commit that ends late may find that the descriptor is another file's. */
  #leave(): void {
    this.#passing--;
    if (this.#passing > 0) return;
    ended(this);
    if (!this.#removed) this.#empty();
  }

  #empty(): void {
    try {
      ftruncateSync(this.#file, 0);
      this.#full = false;
    } catch {
      // The disk does not let it: others wait until it does.
      this.#full = true;
    }
  }

  /** Puts the file there that keeps others from committing. */
  #close(): void {
    closeSync(openSync(this.#closed, 'w', 0o600));
  }

  #reopen(): void {
    rmSync(this.#closed, { force: true });
  }

  /** Who cannot see this process goes by the time of its files. */
  #beat(): void {
    if (this.#full && this.#passing === 0) this.#empty();
    this.touch();
  }

  async #wait(until: number, milliseconds: number, other: number, does: string): Promise<void> {
    if (performance.now() > until) {
      throw new RetryableError(
        `process ${other} does not come to an end with ${does} (${this.#folder}): ` +
          'see whether the disk answers, or end that process',
      );
    }
    await sleep(milliseconds);
  }

  /** The pid of another that opens or closes. */
  #opening(): number | undefined {
    return this.#someone(opening, (_size, own) => !own);
  }

  /** The pid of one that commits; it may be this process. */
  #committing(): number | undefined {
    return this.#someone(commits, (size) => size > 0);
  }

  #someone(kind: string, counts: (size: number, own: boolean) => boolean): number | undefined {
    for (const file of this.#files()) {
      const [, pid, started = ''] = fileName.exec(file) ?? [];
      if (pid === undefined || !file.endsWith(kind)) continue;
      const process = { pid: Number(pid), started };
      const path = join(this.#folder, file);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats === undefined) continue;
      const counted = counts(stats.size, file === this.#name + kind);
      // One that is idle and foreign says nothing, dead or not.
      const gone = isForeign(process) ? counted && this.#isSilent(path, stats.mtimeMs) : !isAlive(process);
      if (gone) {
        rmSync(path, { force: true });
        this.#heard.delete(path);
      } else if (counted) return process.pid;
    }
    return undefined;
  }

  /** By our own monotonic clock: a wall clock that is set would make a live process seem to be gone. */
  #isSilent(path: string, time: number): boolean {
    const now = performance.now();
    const heard = this.#heard.get(path);
    if (heard?.time === time) return now - heard.since >= this.#silence;
    this.#heard.set(path, { time, since: now });
    return false;
  }

  /** Whether a process that nobody can see from here is there, or was, under the pid of this one. */
  hasNamesake(): boolean {
    return this.#files().some((file) => {
      const [, pid, started = ''] = fileName.exec(file) ?? [];
      return Number(pid) === process.pid && isForeign({ pid: process.pid, started });
    });
  }

  /** Whether a process that is seen from here, and lives, has the environment open under that pid. */
  holds(pid: number): boolean {
    return this.#files().some((file) => {
      const [, its, started = ''] = fileName.exec(file) ?? [];
      const process = { pid, started };
      return Number(its) === pid && !isForeign(process) && isAlive(process);
    });
  }

  /** None where somebody has removed the folder: it is another environment then that is opened there. */
  #files(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }
}
