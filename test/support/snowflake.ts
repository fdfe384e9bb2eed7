import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Row } from '../../core/index.js';
import { ChildServer } from './child-server.js';
import { fromPyPI } from './foreign.js';
import { freePorts } from './free-ports.js';
import { root } from './npm.js';
import { SnowflakeFaults } from './snowflake-faults.js';

const names = [
  '__KDD_REQUEST_ID',
  '__KDD_REQUEST_UNIX_TIMESTAMP',
  '__KDD_REQUESTER_KEY',
  '__KDD_REQUEST_BODY',
];

/** fakesnow on loopback, behind a proxy that can break what passes. `snowflake-emulator.py` says what is added to it. */
export class TestSnowflake {
  readonly password = randomBytes(12).toString('hex');
  /** Of the user `reader`, who may write nothing. */
  readonly readerPassword = randomBytes(12).toString('hex');
  readonly token = randomBytes(12).toString('hex');
  readonly passphrase = randomBytes(12).toString('hex');
  /** Encrypted with the passphrase. */
  readonly privateKey: string;
  readonly faults: SnowflakeFaults;
  readonly #server: ChildServer;
  readonly #port: number;

  private constructor(server: ChildServer, port: number, privateKey: string) {
    this.#server = server;
    this.#port = port;
    this.privateKey = privateKey;
    this.faults = new SnowflakeFaults(port);
  }

  /** May take minutes the first time. */
  static async start(): Promise<TestSnowflake> {
    const bin = await fromPyPI('fakesnow[server]==0.12.1', 'snowflake-connector-python==4.8.1');
    const server = await ChildServer.prepare('fakesnow');
    const [port = 0] = await freePorts(1);
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const passphrase = randomBytes(12).toString('hex');
    const pem = pair.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase });
    const snowflake = new TestSnowflake(server, port, pem.toString());
    Object.assign(snowflake, { passphrase });
    const public_key = pair.publicKey.export({ format: 'pem', type: 'spki' });
    const users = {
      HOOKLINE: { password: snowflake.password, public_key, token: snowflake.token, role: 'LOADER' },
      READER: { password: snowflake.readerPassword, role: 'READER' },
    };
    const script = join(root, 'test/support/snowflake-emulator.py');
    await server.start(join(bin, 'python'), [script, String(port), JSON.stringify(users)], () =>
      snowflake.sql('SELECT 1'),
    );
    await snowflake.faults.start();
    return snowflake;
  }

  /** What a YAML says of it; the key pair is how it logs in. */
  get options() {
    const { privateKey, passphrase } = this;
    return { ...this.place, user: 'hookline', privateKey, passphrase };
  }

  get place() {
    return { account: 'test', accessUrl: this.faults.url, warehouse: 'compute_wh', database: 'test' };
  }

  /** Runs a statement in the words of DuckDB, on which fakesnow is built; floats come as their bits. */
  async sql(statement: string): Promise<unknown[][]> {
    return (await this.#post('/test/sql', statement)) as unknown[][];
  }

  /** Runs a statement in the words of Snowflake. */
  async run(statement: string): Promise<void> {
    await this.#post('/test/snowflake', statement);
  }

  /** All rows of a table, by its name in Snowflake. */
  async rows(table: string): Promise<Row[]> {
    const found = await this.sql(
      `SELECT ${names.join(', ')} FROM test.public."${table.replaceAll('"', '""')}"`,
    );
    return found.map(([id, timestamp, key, body]) => ({
      requestId: String(id),
      timestamp: Buffer.from(String(timestamp), 'hex').readDoubleBE(0),
      key: String(key),
      body: Buffer.from(String(body)),
    }));
  }

  /** The paths of the files in the user's stage. */
  async staged(): Promise<string[]> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/test/staged`);
    return (await answer.json()) as string[];
  }

  async destroy(): Promise<void> {
    await this.faults.stop();
    await this.#server.destroy();
  }

  async #post(path: string, body: string): Promise<unknown> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}${path}`, { method: 'POST', body });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return await answer.json();
  }
}
