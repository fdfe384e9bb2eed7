import type pg from 'pg';
import { ConfigError, instructionOf, RetryableError } from '../../core/index.js';
import { addressOf } from './address.js';
import { instructed } from './errors.js';
import type { ConnectionOptions } from './options.js';
import { Session } from './session.js';

/** An idle connection is closed after this long: a sleeping server may sleep. */
const idleTimeout = 60_000;

interface Idle {
  readonly session: Session;
  readonly timer: NodeJS.Timeout;
}

/**
 * A pool of at most `connections` sessions. Not `pg.Pool`, since there a wait for a free connection cannot
 * be aborted and counts as a connection timeout.
 */
export class Connections {
  readonly #instance: string;
  readonly #options: ConnectionOptions;
  readonly #idle: Idle[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #closed = false;

  constructor(instance: string, options: ConnectionOptions) {
    this.#instance = instance;
    this.#options = options;
  }

  /** Opened again after a close, if need be. */
  open(): void {
    this.#closed = false;
  }

  /**
   * Runs `work` with a connection of its own. Whatever it throws comes out as an instruction, and its
   * connection is closed, not used again; when the signal fires the connection is cut.
   */
  async use<T>(what: string, signal: AbortSignal, work: (client: pg.Client) => Promise<T>): Promise<T> {
    await this.#enter(signal);
    const doing = `${this.#instance}: ${what}`;
    try {
      if (this.#closed) throw new RetryableError(`${doing}: the connections are closed`);
      const session = this.#take() ?? (await this.#connect(doing, signal));
      const abort = () => session.cancel();
      signal.addEventListener('abort', abort, { once: true });
      try {
        signal.throwIfAborted();
        const result = await work(session.client);
        this.#give(session);
        return result;
      } catch (error) {
        const lost = session.broken;
        void session.end();
        signal.throwIfAborted();
        const known = instructed(error, doing);
        if (instructionOf(known) === undefined && lost) {
          throw new RetryableError(`${doing}: the connection was lost`, { cause: error });
        }
        throw known;
      } finally {
        signal.removeEventListener('abort', abort);
      }
    } finally {
      this.#leave();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const idle = this.#idle.splice(0);
    for (const { timer } of idle) clearTimeout(timer);
    await Promise.all(idle.map(({ session }) => session.end()));
  }

  async #connect(doing: string, signal: AbortSignal): Promise<Session> {
    const address = addressOf(this.#options);
    if (address.user === '') throw new ConfigError(`${doing}: the url names no user`);
    return await Session.connect(address, this.#options.applicationName, doing, signal);
  }

  #take(): Session | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (!idle.session.broken) return idle.session;
    }
    return undefined;
  }

  #give(session: Session): void {
    if (this.#closed) {
      void session.end();
      return;
    }
    if (session.broken) return;
    const timer = setTimeout(() => {
      this.#idle.splice(this.#idle.indexOf(idle), 1);
      void session.end();
    }, idleTimeout);
    const idle = { session, timer };
    timer.unref();
    this.#idle.push(idle);
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#busy < this.#options.connections) {
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
