import { instructionOf, RetryableError } from 'hookline/plugin';
import { instructed } from './errors.js';
import type { MysqlOptions } from './options.js';
import { Session } from './session.js';

/** An idle connection is closed after this long, before the server's wait_timeout. */
const idleTimeout = 60_000;
const mostIdle = 4;

interface Idle {
  readonly session: Session;
  readonly timer: NodeJS.Timeout;
}

/** Sessions kept for the next use; their number is bounded by the engine, which bounds the writes. */
export class Connections {
  readonly #instance: string;
  readonly #options: MysqlOptions;
  readonly #idle: Idle[] = [];
  #closed = false;

  constructor(instance: string, options: MysqlOptions) {
    this.#instance = instance;
    this.#options = options;
  }

  /** Opened again after a close, if need be. */
  open(): void {
    this.#closed = false;
  }

  /**
   * Runs `work` with a connection of its own. Whatever it throws comes out as an instruction, and its
   * connection is dropped, as it is by `work` itself when the signal fires.
   */
  async use<T>(what: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const doing = `${this.#instance}: ${what}`;
    if (this.#closed) throw new RetryableError(`${doing}: the connections are closed`);
    let session: Session | undefined;
    const abort = () => session?.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      session = this.#take() ?? (await Session.connect(this.#options, signal));
      signal.throwIfAborted();
      const result = await work(session);
      this.#give(session);
      return result;
    } catch (error) {
      const lost = session?.broken ?? false;
      session?.destroy();
      signal.throwIfAborted();
      const known = instructed(error, doing);
      if (instructionOf(known) === undefined && lost) {
        throw new RetryableError(`${doing}: the connection was lost`, { cause: error });
      }
      throw known;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const idle = this.#idle.splice(0);
    for (const { timer } of idle) clearTimeout(timer);
    await Promise.all(idle.map(({ session }) => session.end()));
  }

  #take(): Session | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (!idle.session.broken) return idle.session;
    }
    return undefined;
  }

  #give(session: Session): void {
    if (session.broken) return;
    if (this.#closed || this.#idle.length >= mostIdle) {
      void session.end();
      return;
    }
    const timer = setTimeout(() => {
      this.#idle.splice(this.#idle.indexOf(idle), 1);
      void session.end();
    }, idleTimeout);
    const idle = { session, timer };
    timer.unref();
    this.#idle.push(idle);
  }
}
