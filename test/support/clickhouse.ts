import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { Authority } from './certificates.js';
import { ChildServer } from './child-server.js';
import { freePorts } from './free-ports.js';

/** A real ClickHouse on loopback with a ZooKeeper beside it, for its replicated tables. */
export class TestClickhouse {
  readonly password = randomBytes(12).toString('hex');
  /** Of the user `reader`, who may write nothing. */
  readonly readerPassword = randomBytes(12).toString('hex');
  readonly #keeper: ChildServer;
  readonly #server: ChildServer;
  readonly #port: number;
  /** For TLS. */
  readonly #securePort: number;
  readonly #authority: Authority;

  private constructor(
    keeper: ChildServer,
    server: ChildServer,
    [port, securePort]: readonly [number, number],
    authority: Authority,
  ) {
    this.#keeper = keeper;
    this.#server = server;
    this.#port = port;
    this.#securePort = securePort;
    this.#authority = authority;
  }

  static async start(): Promise<TestClickhouse> {
    const [keeper, server] = [
      await ChildServer.prepare('zookeeper'),
      await ChildServer.prepare('clickhouse'),
    ];
    const [port = 0, securePort = 0, keeperPort = 0, interserverPort = 0] = await freePorts(4);
    const authority = await Authority.create();
    const clickhouse = new TestClickhouse(keeper, server, [port, securePort], authority);
    await clickhouse.#configure(keeperPort, interserverPort);
    await startKeeper(keeper, keeperPort);
    await clickhouse.start();
    await clickhouse.sql('CREATE DATABASE test', 'default');
    return clickhouse;
  }

  /** The URL of the database `test`, with the administrator's password in it. */
  get url(): string {
    return `http://hookline:${this.password}@127.0.0.1:${this.#port}/test`;
  }

  /** The same, of a user whose profile limits and cuts whatever it can. */
  get hostileUrl(): string {
    return this.url.replace('hookline', 'hostile');
  }

  /** The same over TLS, with a certificate for `db.example.com` and 127.0.0.1 that `ca` has signed. */
  get secureUrl(): string {
    return this.url.replace('http:', 'https:').replace(`:${this.#port}`, `:${this.#securePort}`);
  }

  get ca(): string {
    return this.#authority.cert;
  }

  /** Runs a statement as the administrator; resolves to what it answers. */
  async sql(query: string, database = 'test'): Promise<Buffer> {
    const log = { level: ClickHouseLogLevel.OFF };
    const client = createClient({ url: new URL(`/${database}`, this.url).href, log });
    try {
      return await buffer((await client.exec({ query })).stream);
    } finally {
      await client.close();
    }
  }

  async start(): Promise<void> {
    const config = `--config-file=${join(this.#server.folder, 'config.xml')}`;
    await this.#server.start('clickhouse-server', [config], () => this.sql('SELECT 1', 'default'));
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  async destroy(): Promise<void> {
    await this.#server.destroy();
    await this.#keeper.destroy();
  }

  async #configure(keeperPort: number, interserverPort: number): Promise<void> {
    const { folder } = this.#server;
    const user = (name: string, password: string, profile: string) =>
      `<${name}><password>${password}</password><networks><ip>127.0.0.1</ip></networks>
         <profile>${profile}</profile><quota>default</quota></${name}>`;
    const { cert, key } = await this.#authority.sign('db.example.com', '127.0.0.1');
    await writeFile(join(folder, 'server.crt'), cert);
    await writeFile(join(folder, 'server.key'), key);
    await writeFile(
      join(folder, 'config.xml'),
      `<yandex>
        <logger><level>warning</level><console>1</console></logger>
        <listen_host>127.0.0.1</listen_host>
        <http_port>${this.#port}</http_port>
        <https_port>${this.#securePort}</https_port>
        <openSSL><server>
          <certificateFile>${folder}/server.crt</certificateFile>
          <privateKeyFile>${folder}/server.key</privateKeyFile>
          <verificationMode>none</verificationMode>
        </server></openSSL>
        <interserver_http_host>127.0.0.1</interserver_http_host>
        <interserver_http_port>${interserverPort}</interserver_http_port>
        <!-- A small table with parts that were just ignored as repeated is not broken. -->
        <merge_tree><replicated_max_ratio_of_wrong_parts>1</replicated_max_ratio_of_wrong_parts></merge_tree>
        <path>${folder}/data/</path>
        <tmp_path>${folder}/tmp/</tmp_path>
        <mark_cache_size>16777216</mark_cache_size>
        <users_config>${folder}/users.xml</users_config>
        <default_profile>default</default_profile>
        <default_database>default</default_database>
        <zookeeper><node><host>127.0.0.1</host><port>${keeperPort}</port></node></zookeeper>
      </yandex>`,
    );
    await writeFile(
      join(folder, 'users.xml'),
      `<yandex>
        <profiles>
          <default/><reader><readonly>1</readonly></reader>
          <hostile>
            <max_result_rows>1</max_result_rows><result_overflow_mode>break</result_overflow_mode>
            <max_rows_to_read>1</max_rows_to_read><read_overflow_mode>break</read_overflow_mode>
            <max_rows_in_set>1</max_rows_in_set><set_overflow_mode>break</set_overflow_mode>
            <max_block_size>1</max_block_size>
            <max_query_size>1000</max_query_size>
            <max_execution_time>0.001</max_execution_time>
            <insert_deduplicate>0</insert_deduplicate>
            <force_primary_key>1</force_primary_key>
            <extremes>1</extremes>
          </hostile>
        </profiles>
        <quotas><default/></quotas>
        <users>
          ${user('hookline', this.password, 'default')}
          ${user('hostile', this.password, 'hostile')}
          ${user('reader', this.readerPassword, 'reader')}
        </users>
      </yandex>`,
    );
  }
}

async function startKeeper(keeper: ChildServer, port: number): Promise<void> {
  const { folder } = keeper;
  await writeFile(
    join(folder, 'zoo.cfg'),
    `tickTime=500\ndataDir=${folder}/data\nclientPort=${port}\nclientPortAddress=127.0.0.1
     admin.enableServer=false\n`,
  );
  const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
  await keeper.start('java', ['-cp', '/usr/share/java/zookeeper.jar', main, 'zoo.cfg'], () => serves(port));
}

/** It takes connections before it serves them. */
async function serves(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(500, () => socket.destroy(new Error('it does not answer yet')));
  const said = text(socket);
  socket.end('srvr');
  if (!(await said).includes('Mode:')) throw new Error('it does not serve yet');
}
