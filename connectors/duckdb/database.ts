import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { RetryableError } from '../../core/contract/errors.js';
import { type Deferred, deferred } from '../../core/kit/deferred.js';
import { canonical, openDatabase } from './database-file.js';
import { instructed, isOutOfMemory, isRuinous } from './errors.js';
import { closeInstance, settingsOf } from './instance.js';
import { MemoryAllowance } from './memory-allowance.js';
import { sooner } from './sooner.js';

export interface DatabaseSettings {
  /** Bytes; without it as many as writing turns out to need. */
  readonly memoryLimit?: number | undefined;
  readonly threads: number;
  /** Milliseconds. */
  readonly releaseAfter: number;
  /** Of the file and its log; nobody else's unless it is told. */
  readonly mode?: number;
}

type Work<T> = (connection: DuckDBConnection, ended: AbortSignal) => Promise<T>;

const cutShort = 'it was cut short, as a write needs the database opened anew: ask again';

/** Milliseconds for those who read when the database has to be closed. */
const patience = 5000;

/**
 * Every database of this process by its path. Two instances on one file would not see each other, and the
 * end of either would drop the other's lock: a lock belongs to the process.
 */
const databases = new Map<string, Database>();

/**
 * A database file that is open while it is needed, and is closed when it has been idle for a while: no
 * other process can open it in the meantime, not even to read. Shared by all destinations on that file;
 * the settings of the first one count.
 */
export class Database {
  readonly path: string;
  readonly #settings: DatabaseSettings;
  readonly #memory: MemoryAllowance;
  #users = 0;
  #active = 0;
  #instance: Promise<DuckDBInstance> | undefined;
  #closing: Promise<void> | undefined;
  /** Resolves when it is closed, as it has to be before it is of use again. */
  #spoiled: Deferred<void> | undefined;
  /** Resolves when a write has been tried that needs all memory for itself. */
  #kept: Deferred<void> | undefined;
  readonly #readers = new Map<DuckDBConnection, AbortController>();
  #begun = 0;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #uses = new Set<Promise<unknown>>();
  #generation = 0;
  #catalog = '';

  private constructor(path: string, settings: DatabaseSettings) {
    this.path = path;
    this.#settings = settings;
    this.#memory = new MemoryAllowance(settings.memoryLimit);
  }

  /** To be given back by `release`. Opens nothing. */
  static async at(path: string, settings: DatabaseSettings): Promise<Database> {
    const name = await canonical(path);
    let database = databases.get(name);
    if (database === undefined) {
      database = new Database(name, settings);
      databases.set(name, database);
    }
    database.#users += 1;
    return database;
  }

  /** Resolves when the file is free, unless others use it: a write that was given up ends first. */
  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    await this.#turn;
    await Promise.allSettled(this.#uses);
    await this.#close();
  }

  /** As DuckDB names the file; known while it is used. */
  get catalog(): string {
    return this.#catalog;
  }

  /** Grows each time that the file is opened: in between, other processes may have changed anything. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Runs `work` with a connection of its own; whatever it leaves uncommitted is rolled back. Where it waits for others
   * than DuckDB, it ends when the signal that it is given fires.
   */
  async use<T>(doing: string, signal: AbortSignal, work: Work<T>): Promise<T> {
    return await this.#counted(this.#use(doing, signal, work, false));
  }

  /**
   * As `use`, and one at a time: two transactions that write would conflict. Where it takes more memory than the
   * database has, that has more the next time, as far as it may; what only reads has to do with what there is. Where
   * others read meanwhile, who have a part of it, `work` is run once more without them.
   */
  async alone<T>(doing: string, signal: AbortSignal, work: Work<T>): Promise<T> {
    const mine = this.#turn.then(() => this.#counted(this.#write(doing, signal, work)));
    this.#turn = mine.catch(() => {});
    return await sooner(mine, signal);
  }

  async #counted<T>(using: Promise<T>): Promise<T> {
    this.#uses.add(using);
    try {
      return await using;
    } finally {
      this.#uses.delete(using);
    }
  }

  async #write<T>(doing: string, signal: AbortSignal, work: Work<T>): Promise<T> {
    try {
      return await this.#use(doing, signal, work, true);
    } catch (error) {
      if (!(error instanceof Crowded)) throw error;
    }
    try {
      return await this.#use(doing, signal, work, true);
    } finally {
      this.#kept?.resolve();
      this.#kept = undefined;
    }
  }

  /** What whoever comes has to wait for. */
  #obstacle(writes: boolean): Promise<void> | undefined {
    return this.#spoiled?.promise ?? (writes ? undefined : this.#kept?.promise);
  }

  async #use<T>(doing: string, signal: AbortSignal, work: Work<T>, writes: boolean): Promise<T> {
    signal.throwIfAborted();
    for (let way = this.#obstacle(writes); way !== undefined; way = this.#obstacle(writes)) {
      await sooner(way, signal);
    }
    clearTimeout(this.#timer);
    const among = this.#active > 0;
    this.#active += 1;
    this.#begun += 1;
    const begun = this.#begun;
    try {
      const instance = await this.#open(doing);
      const connection = await instance.connect();
      const ended = new AbortController();
      if (!writes) this.#readers.set(connection, ended);
      const abort = () => connection.interrupt();
      signal.addEventListener('abort', abort, { once: true });
      try {
        signal.throwIfAborted();
        return await work(connection, ended.signal);
      } catch (error) {
        const isShort = isOutOfMemory(error);
        // It is opened anew, with more memory where it can have more.
        if ((isShort && writes) || isRuinous(error)) this.#spoil();
        signal.throwIfAborted();
        if (ended.signal.aborted) throw new RetryableError(`${doing}: ${cutShort}`, { cause: error });
        if (!isShort) throw instructed(error, doing);
        if (writes && this.#kept === undefined && (among || this.#begun !== begun)) {
          this.#kept = deferred<void>();
          throw new Crowded();
        }
        throw writes ? this.#memory.short(doing, error) : this.#memory.asked(doing, error);
      } finally {
        signal.removeEventListener('abort', abort);
        this.#readers.delete(connection);
        connection.closeSync();
      }
    } finally {
      this.#active -= 1;
      if (this.#active === 0) await this.#rest();
    }
  }

  /** Newcomers wait until those who are there have ended; who only reads has some seconds for it. */
  #spoil(): void {
    if (this.#spoiled !== undefined) return;
    const spoiled = deferred<void>();
    this.#spoiled = spoiled;
    const timer = setTimeout(() => {
      for (const [connection, ended] of this.#readers) {
        ended.abort(new Error(cutShort));
        connection.interrupt();
      }
    }, patience);
    void spoiled.promise.then(() => clearTimeout(timer));
  }

  async #open(doing: string): Promise<DuckDBInstance> {
    while (this.#closing !== undefined) await this.#closing;
    if (this.#instance === undefined) {
      this.#generation += 1;
      const opening = openDatabase(
        this.path,
        settingsOf(this.#memory.take(), this.#settings.threads),
        this.#settings.mode ?? 0o600,
        doing,
      ).then(({ instance, catalog }) => {
        this.#catalog = catalog;
        return instance;
      });
      this.#instance = opening.catch((error: unknown) => {
        this.#instance = undefined;
        // Rows are read out of its log then.
        throw isOutOfMemory(error) ? this.#memory.short(doing, error) : error;
      });
    }
    return await this.#instance;
  }

  async #rest(): Promise<void> {
    if (this.#spoiled !== undefined || this.#users === 0) {
      await this.#close();
      return;
    }
    this.#timer = setTimeout(() => void this.#close(), this.#settings.releaseAfter);
    this.#timer.unref();
  }

  /** Closes the file unless it is in use; then whoever ends last does. */
  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#closing !== undefined) await this.#closing;
    if (this.#active > 0) return;
    const instance = this.#instance;
    if (instance !== undefined) {
      this.#instance = undefined;
      // What is in memory then must not reach the file: the log alone says what was committed.
      this.#closing = closeInstance(instance, this.#spoiled === undefined).finally(() => {
        this.#closing = undefined;
      });
      await this.#closing;
    }
    this.#spoiled?.resolve();
    this.#spoiled = undefined;
    // Known until here: whoever came meanwhile waited for the end, and uses this one on.
    if (this.#users === 0 && this.#active === 0) databases.delete(this.path);
  }
}

/** A write did not have the memory that others read with. */
class Crowded extends Error {}
