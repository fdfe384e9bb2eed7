import type pg from 'pg';
import { SessionPool } from '../../core/index.js';
import { instructed } from './errors.js';
import { addressOf, type ConnectionOptions } from './options.js';
import { PostgresSession } from './session.js';
import { begin, commit } from './transaction.js';

/**
 * A pool of at most `connections` sessions. Not `pg.Pool`, since there a wait for a free connection cannot
 * be aborted and counts as a connection timeout.
 */
export class Connections {
  readonly #pool: SessionPool<PostgresSession>;

  constructor(options: ConnectionOptions) {
    this.#pool = new SessionPool({
      most: options.connections,
      connect: (what, signal) =>
        PostgresSession.connect(addressOf(options), options.applicationName, what, signal),
      instructed,
    });
  }

  /** Opened again after a close, if need be. */
  open(): void {
    this.#pool.open();
  }

  /** Runs `work` with a connection of its own. Whatever it throws comes out as an instruction. */
  async use<T>(what: string, signal: AbortSignal, work: (client: pg.Client) => Promise<T>): Promise<T> {
    return await this.#pool.use(what, signal, ({ client }) => work(client));
  }

  /**
   * Runs `work` in a transaction, so that our settings hold, and that its statements meet one server behind a pooler.
   */
  async transact<T>(what: string, signal: AbortSignal, work: (client: pg.Client) => Promise<T>): Promise<T> {
    return await this.use(what, signal, async (client) => {
      await client.query(begin);
      const result = await work(client);
      await commit(client, what);
      return result;
    });
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}
