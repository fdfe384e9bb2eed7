import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { messageOf, RetryableError } from '../../core/contract/errors.js';
import { canonical } from './database-file.js';
import type { DuckDBOptions } from './destination.js';
import {
  type EngineCall,
  type EngineCalls,
  type FromEngine,
  rowsPipe,
  type ToEngine,
} from './engine-calls.js';
import { toldError } from './told.js';

const program = fileURLToPath(new URL('./engine-process.js', import.meta.url));

function pipeOf(child: ChildProcess): Writable {
  return child.stdio[rowsPipe] as Writable;
}

/** Milliseconds in which a call that was given up ends; a process that does not end it hangs. */
const patience = 10_000;

/** Who asks. */
export interface Asker {
  readonly destination: number;
  readonly options: DuckDBOptions;
}

interface Waiting {
  /** For whoever wants to know what ended the process: `a query`. */
  readonly during: string;
  readonly call: EngineCall;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Those of this process, by their files. */
const engines = new Map<string, Engine>();

/**
 * The process that a DuckDB file belongs to, as its lock demands, for writing and for reading. It is forked when it is
 * first asked, and again after it ended, as by a query that DuckDB does not survive: what it was asked then is to be
 * tried again. It ends with this one, whatever ends this one.
 */
export class Engine {
  readonly #path: string;
  readonly #waiting = new Map<number, Waiting>();
  /** Those that were killed from here, as a call did not end. */
  readonly #givenUp = new WeakSet<ChildProcess>();
  #process: ChildProcess | undefined;
  #users = 0;
  #last = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /** To be given back by `release`. Starts nothing. */
  static async at(path: string): Promise<Engine> {
    const name = await canonical(path);
    const engine = engines.get(name) ?? new Engine(name);
    engines.set(name, engine);
    engine.#users += 1;
    return engine;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async ask<C extends EngineCall>(
    asker: Asker,
    during: string,
    call: C,
    parts: Parameters<EngineCalls[C]>,
    signal?: AbortSignal,
    rows?: Buffer,
  ): Promise<ReturnType<EngineCalls[C]>> {
    signal?.throwIfAborted();
    this.#process ??= this.#start();
    const child = this.#process;
    const id = ++this.#last;
    let late: NodeJS.Timeout | undefined;
    const cancel = () => {
      this.#send(child, { cancel: id });
      late = setTimeout(() => {
        this.#givenUp.add(child);
        child.kill('SIGKILL');
      }, patience);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      const answer = new Promise<unknown>((resolve, reject) => {
        this.#waiting.set(id, { during, call, resolve, reject });
      });
      this.#send(child, { id, ...asker, call, parts });
      if (rows !== undefined) pipeOf(child).write(rows);
      return (await answer) as ReturnType<EngineCalls[C]>;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', cancel);
      this.#waiting.delete(id);
    }
  }

  /** Ends what one who asks has begun; the process too, unless others ask. */
  async release(asker: Asker): Promise<void> {
    if (this.#process !== undefined) await this.ask(asker, 'its end', 'close', []).catch(() => {});
    this.#users -= 1;
    if (this.#users > 0) return;
    engines.delete(this.#path);
    const child = this.#process;
    if (child === undefined) return;
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    await exited;
  }

  #start(): ChildProcess {
    const child = fork(program, {
      serialization: 'advanced',
      // Its standard output is this one's for tests to see that it is gone: it says nothing.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
    });
    pipeOf(child).on('error', () => undefined);
    child.on('message', (message: FromEngine) => {
      const waiting = this.#waiting.get(message.id);
      if ('fault' in message) waiting?.reject(toldError(message.fault));
      else waiting?.resolve(message.value);
    });
    child.on('exit', (code, signal) => this.#lost(child, signal ?? `exit code ${code}`));
    child.on('error', (error) => {
      if (child.pid === undefined) this.#lost(child, messageOf(error));
    });
    return child;
  }

  #lost(child: ChildProcess, why: string): void {
    if (this.#process !== child) return;
    this.#process = undefined;
    const waiting = [...this.#waiting.values()];
    const during = [...new Set(waiting.map((each) => each.during))].join(' and ');
    // Beside a question it is not known what it died of: a batch is not to blame for somebody's query.
    const killed = !this.#givenUp.has(child) && waiting.every(({ call }) => call === 'write');
    for (const { reject } of waiting) {
      const message = `DuckDB ended unexpectedly (${why}) during ${during}; it is started again`;
      reject(new RetryableError(message, { killed }));
    }
  }

  #send(child: ChildProcess, message: ToEngine): void {
    // One that cannot be told anything has ended, and is told to have.
    if (child.connected) child.send(message, () => {});
  }
}
