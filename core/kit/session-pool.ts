import { instructionOf, RetryableError } from '../contract/errors.js';

/** One connection to a server. Once anything has failed on it, it is ended and never used again. */
export interface Session {
  /** It is of no use any more. */
  readonly broken: boolean;
  /**
   * The signal of the call that uses it has fired: let that call reject soon, and the server stop what it
   * does for it. One that commits may wait for the answer, a second or two, so as to know how it ended.
   */
  abort(): void;
  /** Says goodbye, and drops the connection where the server does not answer. Resolves when it is closed. */
  end(): Promise<void>;
}

export interface SessionPoolParts<S extends Session> {
  /** Makes a session. @param what in words, as `use` was given it */
  connect(what: string, signal: AbortSignal): Promise<S>;
  /** The instruction that an error of the driver amounts to; any other error is passed on. */
  instructed(error: unknown, what: string): unknown;
  /** The most sessions at once; unless set as many as the engine writes at once. */
  readonly most?: number;
  /** How long a session is kept for the next use, in milliseconds: a sleeping server may sleep. */
  readonly idleFor?: number;
}

interface Idle<S> {
  readonly session: S;
  readonly timer: NodeJS.Timeout;
}

/**
 * Sessions for calls that each need one of their own, kept for a while for the next. For drivers whose own
 * pool cannot give up a wait, or a statement, when a signal fires.
 */
export class SessionPool<S extends Session> {
  readonly #parts: SessionPoolParts<S>;
  readonly #idle: Idle<S>[] = [];
  readonly #waiting: (() => void)[] = [];
  /** What `close` waits for: calls, and sessions on their way out. */
  readonly #pending = new Set<Promise<unknown>>();
  #busy = 0;
  #closed = false;

  constructor(parts: SessionPoolParts<S>) {
    this.#parts = parts;
  }

  /** Opened again after a close, if need be. */
  open(): void {
    this.#closed = false;
  }

  /**
   * Runs `work` with a session of its own. Whatever it throws comes out as an instruction, and its session
   * is ended; when the signal fires the session is aborted, and the call rejects unless `work` resolves.
   */
  async use<T>(what: string, signal: AbortSignal, work: (session: S) => Promise<T>): Promise<T> {
    return await this.#noted(this.#use(what, signal, work));
  }

  /** Ends what is idle, and waits for what is going on. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      this.#end(session);
    }
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  async #use<T>(what: string, signal: AbortSignal, work: (session: S) => Promise<T>): Promise<T> {
    await this.#enter(signal);
    let session: S | undefined;
    const abort = () => session?.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (this.#closed) throw new RetryableError(`${what}: the connections are closed`);
      session = this.#take() ?? (await this.#parts.connect(what, signal));
      signal.throwIfAborted();
      const result = await work(session);
      this.#give(session);
      return result;
    } catch (error) {
      const lost = session?.broken ?? false;
      if (session !== undefined) this.#end(session);
      signal.throwIfAborted();
      const known = this.#parts.instructed(error, what);
      if (instructionOf(known) !== undefined || !lost) throw known;
      throw new RetryableError(`${what}: the connection was lost`, { cause: error });
    } finally {
      signal.removeEventListener('abort', abort);
      this.#leave();
    }
  }

  #take(): S | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (!idle.session.broken) return idle.session;
    }
    return undefined;
  }

  #give(session: S): void {
    if (this.#closed || session.broken) {
      this.#end(session);
      return;
    }
    const timer = setTimeout(() => {
      this.#idle.splice(this.#idle.indexOf(idle), 1);
      this.#end(session);
    }, this.#parts.idleFor ?? 60_000);
    const idle = { session, timer };
    timer.unref();
    this.#idle.push(idle);
  }

  #end(session: S): void {
    // How it ended is of no interest: it is gone.
    this.#noted(session.end()).catch(() => {});
  }

  async #noted<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#busy < (this.#parts.most ?? Number.POSITIVE_INFINITY)) {
      this.#busy += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(turn);
    });
  }

  /** Hands the place to the one who waits longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#busy -= 1;
    else next();
  }
}
