import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection, type QueryResult } from 'mysql2/promise';
import type { Identity } from './certificates.js';
import { ChildServer } from './child-server.js';
import { freePorts } from './free-ports.js';

const run = promisify(execFile);

/** What makes a server take TLS, beside plain connections. */
export interface MariadbTls {
  readonly identity: Identity;
  /** Who signs the certificates of clients, in PEM. */
  readonly clients: string;
}

/** A real MariaDB on loopback, from the PATH; all settings that matter are its defaults, unless told. */
export class TestMariadb {
  readonly password = randomBytes(12).toString('hex');
  readonly #server: ChildServer;
  readonly #port: number;
  readonly #tls: MariadbTls | undefined;
  readonly #settings: readonly string[];

  private constructor(
    server: ChildServer,
    port: number,
    tls: MariadbTls | undefined,
    settings: readonly string[],
  ) {
    this.#server = server;
    this.#port = port;
    this.#tls = tls;
    this.#settings = settings;
  }

  /** @param settings options of its command line, such as `--log-bin` */
  static async start(tls?: MariadbTls, ...settings: string[]): Promise<TestMariadb> {
    const [port = 0] = await freePorts(1);
    const database = new TestMariadb(await ChildServer.prepare('mariadb'), port, tls, settings);
    await database.#initialise();
    await database.start();
    return database;
  }

  /** The URL of the database `test`, with the administrator's password in it. */
  get url(): string {
    return `mysql://admin:${this.password}@127.0.0.1:${this.#port}/test`;
  }

  /** Runs a statement as the administrator, over a connection of its own. */
  async sql<T extends QueryResult>(text: string, values: string[] = []): Promise<T> {
    const connection = await createConnection({ uri: this.url, charset: 'UTF8MB4_BIN' });
    try {
      const [rows] = await connection.execute<T>(text, values);
      return rows;
    } finally {
      await connection.end();
    }
  }

  async start(): Promise<void> {
    const { folder } = this.#server;
    const args = [
      '--no-defaults',
      `--user=${userInfo().username}`,
      `--datadir=${join(folder, 'data')}`,
      `--socket=${join(folder, 'socket')}`,
      `--pid-file=${join(folder, 'mariadb.pid')}`,
      `--init-file=${join(folder, 'init.sql')}`,
      '--bind-address=127.0.0.1',
      `--port=${this.#port}`,
      '--skip-name-resolve',
      ...this.#settings,
      ...(this.#tls === undefined ? [] : this.#files.map(([option, file]) => `--ssl-${option}=${file}`)),
    ];
    await this.#server.start('mariadbd', args, () => this.sql('SELECT 1'));
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  async destroy(): Promise<void> {
    await this.#server.destroy();
  }

  /** The option of each file that TLS takes, where it lies, and what is in it. */
  get #files(): [option: string, file: string, text: string | undefined][] {
    const at = (name: string) => join(this.#server.folder, name);
    return [
      ['cert', at('server.crt'), this.#tls?.identity.cert],
      ['key', at('server.key'), this.#tls?.identity.key],
      ['ca', at('clients.crt'), this.#tls?.clients],
    ];
  }

  async #initialise(): Promise<void> {
    const { folder } = this.#server;
    for (const [, file, text] of this.#files) if (text !== undefined) await writeFile(file, text);
    await writeFile(
      join(folder, 'init.sql'),
      `CREATE USER IF NOT EXISTS admin@127.0.0.1 IDENTIFIED BY '${this.password}';
       GRANT ALL ON *.* TO admin@127.0.0.1 WITH GRANT OPTION;
       CREATE DATABASE IF NOT EXISTS test;\n`,
    );
    await run('mariadb-install-db', [
      '--no-defaults',
      `--user=${userInfo().username}`,
      `--datadir=${join(folder, 'data')}`,
      '--skip-test-db',
      '--auth-root-authentication-method=normal',
    ]);
  }
}
