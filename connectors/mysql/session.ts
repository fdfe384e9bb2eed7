import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { readTls, type ServerAddress, type Session, type Tls } from 'hookline/plugin';
import type { Connection as CallbackConnection } from 'mysql2';
import { type Connection, createConnection, type RowDataPacket, type SslOptions } from 'mysql2/promise';

/** A server that takes longer to greet than this counts as down. */
const connectTimeout = 10_000;
/** How long an abort waits for a commit that is under way. */
const commitTimeout = 2000;

/**
 * Whatever the server or its `init_connect` has set, a connection works under these. Each could hurt:
 * - `NAMES`: a server may ignore the handshake's character set, and would then write bodies anew;
 * - transactions that only read, or look at what is not committed;
 * - `sql_mode`: strict, as else a value that does not fit is cut or replaced with a warning;
 * - `autocommit`, `completion_type`: what a transaction is, and that a session goes on after one;
 * - `unique_checks`: a unique key of the ledger must refuse a second entry;
 * - `sql_select_limit`, `sql_big_selects`: a list of request ids would end too soon, or never begin;
 * - statements are ended by our own signal, never by a time limit for people's queries;
 * - locks: a statement that nobody waits for any more would wait for a day;
 * - a server that has lost us without a word finds out within a minute or so, not after the eight hours
 *   of its own wait_timeout: till then it would hold the batch's ledger row, and the retry would wait.
 *
 * MySQL from 5.7.8 on, and MariaDB, each read a comment of their own, as the other lacks the variable.
 */
const settings = [
  'SET NAMES utf8mb4 COLLATE utf8mb4_bin',
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE',
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1, completion_type = 0,
    foreign_key_checks = 1, unique_checks = 1, time_zone = '+00:00',
    sql_big_selects = 1, sql_select_limit = 18446744073709551615,
    /*!50708 max_execution_time = 0, */
    /*M! max_statement_time = 0, */ /*M!100300 idle_transaction_timeout = 0, idle_write_transaction_timeout = 0, */
    innodb_lock_wait_timeout = 30, lock_wait_timeout = 30,
    wait_timeout = 90, net_read_timeout = 60, net_write_timeout = 60`,
];

/** One connection. Once anything has failed on it, it is destroyed and never used again. */
export class MysqlSession implements Session {
  readonly connection: Connection;
  /** The longest statement that the server takes, with its parameters, in bytes. */
  readonly maxPacket: number;
  /** Whether the server takes names of tables that differ in capitals for one. */
  readonly foldsNames: boolean;
  readonly #socket: Socket;
  #committing = false;

  private constructor(connection: Connection, found: RowDataPacket | undefined, socket: Socket) {
    this.connection = connection;
    this.maxPacket = Number(found?.['packet']);
    this.foldsNames = Number(found?.['folding']) !== 0;
    this.#socket = socket;
  }

  static async connect(
    { host, port, user, password, database, tls }: ServerAddress,
    signal: AbortSignal,
  ): Promise<MysqlSession> {
    const ssl = tls && (await sslOf(tls));
    signal.throwIfAborted();
    // A socket of our own, as the driver's `destroy` sends what is queued before it hangs up.
    const socket = connect({ host, port, keepAlive: true, keepAliveInitialDelay: 30_000, noDelay: true });
    const name = tls?.servername ?? host;
    // The driver tells Node no name where it is an address: then Node takes this one, or else localhost.
    Object.assign(socket, { _host: name });
    const abort = () => socket.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const connection = await createConnection({
        // The name in the certificate; the socket is there already.
        host: name,
        port,
        user,
        password: password ?? '',
        database,
        ...(ssl !== undefined && { ssl }),
        stream: socket,
        connectTimeout,
        charset: 'UTF8MB4_BIN',
        // Else the server could ask for any file of ours.
        flags: ['-LOCAL_FILES'],
      });
      // Without a listener, the end of an idle connection would end the process.
      connection.on('error', abort);
      connection.on('end', abort);
      for (const statement of settings) await connection.query(statement);
      const [[found]] = await connection.query<RowDataPacket[]>(
        'SELECT @@max_allowed_packet AS packet, @@lower_case_table_names AS folding',
      );
      return new MysqlSession(connection, found, socket);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  get broken(): boolean {
    return this.#socket.destroyed;
  }

  /**
   * Commits. Once that is sent, an abort waits for the answer, so as to know whether the rows have landed;
   * not for long, as the server may be gone.
   */
  async commit(): Promise<void> {
    this.#committing = true;
    await this.connection.query('COMMIT');
    this.#committing = false;
  }

  /**
   * Runs a query as a prepared statement, which takes a float64 as it is, and offers its `id`s, so many at a time.
   * The server waits with the rest while nobody asks for it; for a minute, and hangs up then.
   */
  async list(
    query: string,
    values: readonly number[],
    atOnce: number,
    offer: (ids: string[]) => Promise<void>,
  ): Promise<void> {
    let ids: string[] = [];
    // The typed promises give all the rows at once; the driver beneath them gives them one by one.
    const { connection } = this.connection as unknown as { readonly connection: CallbackConnection };
    const rows = connection.execute(query, [...values]).stream({ highWaterMark: 1000 });
    // The driver does not tell a stream that its connection is gone.
    const lost = () => rows.destroy(new Error('the connection was lost'));
    this.#socket.once('close', lost);
    try {
      for await (const { id } of rows as AsyncIterable<{ id: string }>) {
        ids.push(id);
        if (ids.length < atOnce) continue;
        await offer(ids);
        ids = [];
      }
    } finally {
      this.#socket.off('close', lost);
    }
    if (ids.length > 0) await offer(ids);
  }

  /** Drops the connection soon: at once, unless a commit is under way. */
  abort(): void {
    if (this.#committing) setTimeout(() => this.#committing && this.destroy(), commitTimeout).unref();
    else this.destroy();
  }

  /** Drops the connection at once, so that the server rolls back whatever was going on. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Says goodbye; resolves when the socket is closed. */
  async end(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, 'close');
    const timer = setTimeout(() => this.#socket.destroy(), 1000);
    if (!this.broken) void this.connection.end().catch(() => {});
    await closed.finally(() => clearTimeout(timer));
  }
}

/** The driver takes any name in a certificate unless told. */
async function sslOf(tls: Tls): Promise<SslOptions> {
  const { ca, cert, key } = await readTls(tls);
  return {
    rejectUnauthorized: tls.verify !== 'nothing',
    verifyIdentity: tls.verify === 'all',
    ...Object.fromEntries(Object.entries({ ca, cert, key }).filter(([, pem]) => pem !== undefined)),
  };
}
