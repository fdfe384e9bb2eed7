import { mkdirSync } from 'node:fs';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Database, RootDatabase } from 'lmdb';
import { ConfigError, messageOf, RetryableError } from '../../core/index.js';
import { Gate } from './gate.js';
import type { ProcessIdentity } from './process-identity.js';
import { openRoot, Unreadable, unusable } from './root.js';

/** What a database of the environment keeps, as it is put and as it comes back. */
export interface Codec<V> {
  encode(value: V): Buffer;
  /** The bytes are LMDB's own and are overwritten by the next get: whatever stays is copied. */
  decode(bytes: Buffer): V;
}

export type Db<V> = Database<V, Buffer>;

/** Longer than any healthy disk takes for one flush; after it the disk counts as failed. */
const commitTimeout = 30_000;

/** A disk that does not answer must not keep the process. */
const closeTimeout = 5_000;

/**
 * One LMDB environment: a folder with data and lock file, shared by several processes, with several
 * databases under one transaction.
 *
 * `overlappingSync` is off: a promise then settles after the fdatasync that covers it, at the same speed
 * (90,000 puts a second, 64 in flight). `eventTurnBatching` is off: with it, a commit that fails rejects
 * a promise that nobody holds, and that ends the process; here every batch is explicit instead.
 * `noMemInit` is off: it saves nothing that can be measured here, and would write whatever was in memory,
 * tokens also, into the gaps of pages.
 */
export class Environment {
  readonly path: string;
  readonly #what: string;
  readonly #gate: Gate;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #dbs: Db<unknown>[] = [];
  #complete = false;
  #late = false;
  #closed: Promise<void> | undefined;

  private constructor(what: string, path: string, gate: Gate, root: RootDatabase<Buffer, Buffer>) {
    this.#what = what;
    this.path = path;
    this.#gate = gate;
    this.#root = root;
  }

  /**
   * @param what names the owner in messages: `spool`, `token store`
   * @param mapSize address space to reserve, so that the map need not move while others read
   * @param build opens all databases, by `db`: none can be opened later
   * @throws ConfigError when the folder cannot be made or is not an LMDB environment
   * @throws RetryableError when another process does not come to an end with what keeps this one from opening it
   */
  static async open<T>(
    what: string,
    path: string,
    mapSize: number,
    build: (environment: Environment) => T,
  ): Promise<T> {
    const gate = gateAt(what, path);
    try {
      return await gate.alone(() => {
        const environment = new Environment(what, path, gate, openRoot(what, path, mapSize));
        const built = build(environment);
        environment.#complete = true;
        return built;
      });
    } catch (error) {
      const hasNamesake = error instanceof Unreadable && gate.hasNamesake();
      gate.remove();
      if (!hasNamesake) throw error;
      throw new ConfigError(
        `the ${what} at ${path} is used by process ${process.pid} of another container already, and this one has ` +
          `the same pid; stop it, or give this one another ${what} path. Containers that share one must share their ` +
          'pids: --pid=container:NAME in docker, shareProcessNamespace in a pod',
        { cause: error },
      );
    }
  }

  /** Opens a database, as its environment is opened. */
  db<V>(name: string, codec?: Codec<V>, useVersions = false): Db<V> {
    const kind =
      codec === undefined
        ? ({ encoding: 'json' } as const)
        : ({ encoding: 'binary', encoder: codec } as const);
    const options = { keyEncoding: 'binary', useVersions, ...kind } as const;
    // It takes a write transaction in this thread, which would wait for ever for one that needs this thread.
    if (this.#complete) throw new Error(`the database ${name} has to be opened with its environment`);
    this.#gate.touch();
    try {
      const db = this.#root.openDB<V, Buffer>(name, options);
      this.#dbs.push(db as Db<unknown>);
      return db;
    } catch (cause) {
      void this.#root.close();
      throw unusable(this.#what, this.path, cause);
    }
  }

  /** Makes what other processes have committed visible to the reads that follow in this turn. */
  refresh(): void {
    this.#root.resetReadTxn();
  }

  /** Lets the event loop turn: whoever feeds a socket does so, and what was committed meanwhile is visible then. */
  async turn(): Promise<void> {
    await setImmediate();
    this.refresh();
  }

  /** Runs `action` within the write transaction, alone among all processes; durable when it resolves. */
  transact<T>(action: () => T): Promise<T> {
    return this.commit(() => this.#root.transaction(action));
  }

  /** All writes of `action`, or none; durable when it resolves. What can fail is best done before. */
  async batch(action: () => void): Promise<void> {
    await this.conditional((run) => this.#root.batch(run), action);
  }

  /**
   * All writes of `action`, or none where the condition with which LMDB runs it does not hold: then it resolves to
   * false. LMDB commits what was put before `action` threw; so that is thrown only when the commit has ended.
   */
  async conditional(begin: (action: () => void) => Promise<boolean>, action: () => void): Promise<boolean> {
    let failure: { readonly error: unknown } | undefined;
    const guarded = () => {
      try {
        action();
      } catch (error) {
        failure = { error };
      }
    };
    const written = await this.commit(() => begin(guarded));
    if (failure !== undefined) throw (failure as { readonly error: unknown }).error;
    return written;
  }

  /**
   * Waits for a commit. One that is late stays unknown until it ends, and until then no other is begun:
   * whoever tries again has to see what became of the first.
   * @throws RetryableError when the disk refuses it or does not answer
   */
  async commit<T>(begin: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new RetryableError(`${this.path} is closed`);
    if (this.#late) throw this.#unanswered();
    let timer: NodeJS.Timeout | undefined;
    const ended = this.#gate
      .pass(begin)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        clearTimeout(timer);
        this.#late = false;
      });
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#late = true;
        reject(this.#unanswered());
      }, commitTimeout);
    });
    return Promise.race([ended, timeout]);
  }

  /** About 20 µs. */
  usage(): Usage {
    this.refresh();
    let livePages = 0;
    let filePages = 0;
    let pageSize = 0;
    for (const db of this.#dbs) {
      const stats = db.getStats() as Stats;
      livePages += livePagesOf(stats);
      filePages = stats.lastPageNumber + 1;
      pageSize = stats.pageSize;
    }
    return { live: livePages * pageSize, file: filePages * pageSize };
  }

  /** Bytes in use in one of the databases. */
  sizeOf(db: Db<unknown>): number {
    const stats = db.getStats() as Stats;
    return livePagesOf(stats) * stats.pageSize;
  }

  /**
   * Whether a process of another container may have it open: LMDB holds a lock for the pid of each process that reads,
   * which the kernel knows whatever container that is in. No two processes can hold it for the same pid.
   */
  isOpenElsewhere({ pid }: ProcessIdentity): boolean {
    if (this.#gate.holds(pid)) return false;
    this.#root.readerCheck();
    return new RegExp(`^ *${pid} `, 'm').test(this.#root.readerList());
  }

  /** Frees the snapshots of processes that were killed: they would keep dead pages for ever. */
  forgetDeadReaders(): void {
    this.#root.readerCheck();
  }

  async close(): Promise<void> {
    this.#closed ??= Promise.race([this.#close(), sleep(closeTimeout, undefined, { ref: false })]);
    await this.#closed;
  }

  /** The last one out destroys LMDB's locks, which nobody may have begun to use. */
  async #close(): Promise<void> {
    let closed: Promise<void> | undefined;
    const close = () => {
      closed ??= this.#root.close();
      return closed;
    };
    await this.#gate.alone(close, closeTimeout * 0.8).catch(close);
    this.#gate.remove();
  }

  /** lmdb-js hands over LMDB's own error in a second promise, which ends the process when nobody holds it. */
  async #failed(error: unknown): Promise<never> {
    const { commitError } = error as { readonly commitError?: Promise<never> };
    if (commitError === undefined) throw error;
    const cause = await commitError.catch((real: unknown) => real);
    throw new RetryableError(`${this.path} cannot be written: ${messageOf(cause)}`, { cause });
  }

  #unanswered(): RetryableError {
    return new RetryableError(
      `the disk of ${this.path} has not answered for ${commitTimeout / 1000} seconds`,
    );
  }
}

export interface Usage {
  /** Bytes in use in all databases. */
  readonly live: number;
  /** Bytes of the file, which never shrinks: what is not live is used again. */
  readonly file: number;
}

interface Stats {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

function livePagesOf({ treeBranchPageCount, treeLeafPageCount, overflowPages }: Stats): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages;
}

/** Makes the folder where there is none. */
function gateAt(what: string, path: string): Gate {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return new Gate(path);
  } catch (cause) {
    throw new ConfigError(
      `the folder ${path} of the ${what} cannot be made or written to: ${messageOf(cause)}; ` +
        'give this user the right to write there, or set another path',
      { cause },
    );
  }
}
