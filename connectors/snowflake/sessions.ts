import { RetryableError } from 'hookline/plugin';
import { instructed, isEnded } from './errors.js';
import type { SnowflakeOptions } from './options.js';
import { Session } from './session.js';

const mostIdle = 4;

/** Sessions kept for the next use; their number is bounded by the engine, which bounds the writes. */
export class Sessions {
  readonly #options: SnowflakeOptions;
  readonly #idle: Session[] = [];
  /** Goodbyes under way. */
  readonly #ending = new Set<Promise<void>>();
  #closed = false;

  constructor(options: SnowflakeOptions) {
    this.#options = options;
  }

  /** Opened again after a close, if need be. */
  open(): void {
    this.#closed = false;
  }

  /**
   * Runs `work` with a session of its own. Whatever it throws comes out as an instruction, and its session
   * is ended. Where an idle one has expired meanwhile, `work` is run again from its beginning in a new one.
   */
  async use<T>(doing: string, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#closed) throw new RetryableError(`${doing}: it is closed`);
      const kept = this.#take();
      let session = kept;
      try {
        session ??= await Session.open(this.#options, signal);
        const result = await work(session);
        this.#give(session);
        return result;
      } catch (error) {
        if (session !== undefined) this.#end(session);
        signal.throwIfAborted();
        if (kept !== undefined && isEnded(error)) continue;
        throw instructed(error, doing);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const session of this.#idle.splice(0)) this.#end(session);
    await Promise.all(this.#ending);
  }

  #take(): Session | undefined {
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (!session.broken) return session;
      this.#end(session);
    }
    return undefined;
  }

  #give(session: Session): void {
    if (session.broken || this.#closed || this.#idle.length >= mostIdle) this.#end(session);
    else this.#idle.push(session);
  }

  #end(session: Session): void {
    const ending = session.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
