import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { ConfigError, RetryableError, readTls, type ServerAddress, type Session } from '../../core/index.js';
import { instructed } from './errors.js';

/** What of `pg.Client` is used beyond its types: the socket, to end it at once, and the key for a cancel. */
interface Inside {
  readonly connection: { readonly stream: Duplex };
  readonly processID: number | null;
  readonly secretKey: number | null;
}

/** A server that takes longer to greet than this counts as down. */
const connectTimeout = 10_000;

/** One connection. Once it has failed in any way it is `broken` and never used again. */
export class PostgresSession implements Session {
  readonly client: pg.Client;
  readonly #address: ServerAddress;
  #broken = false;

  private constructor(client: pg.Client, address: ServerAddress) {
    this.client = client;
    this.#address = address;
    // Without a listener, the end of an idle connection would end the process.
    client.on('error', () => this.#break());
    client.on('end', () => this.#break());
  }

  static async connect(
    address: ServerAddress,
    applicationName: string,
    what: string,
    signal: AbortSignal,
  ): Promise<PostgresSession> {
    const { host, port, user, password, database } = address;
    const client = new pg.Client({
      host,
      port,
      user,
      // A function, even when there is none: else `pg` looks in the environment and in ~/.pgpass.
      password: () => password ?? '',
      database,
      ssl: address.tls === undefined ? false : await readTls(address.tls),
      application_name: applicationName,
      keepAlive: true,
      keepAliveInitialDelayMillis: 30_000,
    });
    const session = new PostgresSession(client, address);
    const where = `${what}: connecting to ${host}:${port}`;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      session.destroy();
    }, connectTimeout);
    const abort = () => session.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      await client.connect();
      return session;
    } catch (error) {
      const lost = session.#stream.closed;
      session.destroy();
      signal.throwIfAborted();
      if (late) {
        const message = `${where}: no answer in ${connectTimeout / 1000} s; does a firewall stand between?`;
        throw new RetryableError(message, { cause: error });
      }
      const known = instructed(error, where);
      if (known !== error) throw known;
      // `pg` gives no code here. With the socket gone the server hung up; with it there, they did not agree.
      const message = `${where}: ${(error as Error).message}`;
      throw lost ? new RetryableError(message, { cause: error }) : new ConfigError(message, { cause: error });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** Says goodbye; resolves when the socket is closed. */
  async end(): Promise<void> {
    this.#broken = true;
    const timer = setTimeout(() => this.#stream.destroy(), 1000);
    await this.client.end().catch(() => {});
    clearTimeout(timer);
  }

  /** Drops the connection at once, so that the server rolls back whatever was going on. */
  destroy(): void {
    this.#broken = true;
    this.#stream.destroy();
  }

  /**
   * Drops the connection, and asks the server to stop what it does for it: a backend that waits for a
   * lock does not look at its socket.
   */
  abort(): void {
    const { processID, secretKey } = this.client as unknown as Inside;
    this.destroy();
    if (processID === null || secretKey === null) return;
    const { host, port } = this.#address;
    const request = Buffer.alloc(16);
    request.writeInt32BE(16, 0);
    request.writeInt32BE(80_877_102, 4);
    request.writeInt32BE(processID, 8);
    request.writeInt32BE(secretKey, 12);
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    socket.on('error', () => {});
    socket.setTimeout(2000, () => socket.destroy());
    socket.unref();
    socket.end(request);
  }

  #break(): void {
    this.#broken = true;
  }

  get #stream(): Duplex {
    return (this.client as unknown as Inside).connection.stream;
  }
}
