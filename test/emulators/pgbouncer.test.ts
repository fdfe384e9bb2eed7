import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import plugins from '../../connectors/postgres/index.js';
import {
  makeBatch,
  makeRows,
  never,
  pluginOf,
  refused,
  TestDestinations,
} from '../../core/conformance/index.js';
import { instructionOf } from '../../core/index.js';
import { ChildServer } from '../support/child-server.js';
import { freePorts } from '../support/free-ports.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';

describe('the postgres destination behind PgBouncer', () => {
  let server: TestPostgres;
  let pooler: ChildServer;
  let port: number;
  const at = (database: string) => `postgres://anyone:x@127.0.0.1:${port}/${database}`;
  const destinations = new TestDestinations(pluginOf(plugins, 'destination', 'postgres'), () => ({}));

  before(async () => {
    server = await startPostgres();
    const { hostname, port: behind, pathname, username, password } = new URL(await server.createDatabase());
    const to = `host=${hostname} port=${behind} dbname=${pathname.slice(1)} user=${username} password=${password}`;
    [port = 0] = await freePorts(1);
    pooler = await ChildServer.prepare('pgbouncer');
    const file = join(pooler.folder, 'pgbouncer.ini');
    await writeFile(
      file,
      `[databases]
by_transaction = ${to} pool_mode=transaction
by_statement = ${to} pool_mode=statement
away = ${to.replace(`port=${behind}`, 'port=9')}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
server_login_retry = 1
query_wait_timeout = 1
`,
    );
    const args = userInfo().uid === 0 ? ['-u', 'nobody', file] : [file];
    await pooler.start('pgbouncer', args, async () => {
      const client = new pg.Client(at('by_transaction'));
      await client.connect();
      await client.end();
    });
  });
  afterEach(() => destinations.close());
  after(async () => {
    await pooler?.destroy();
    await server?.destroy();
  });

  it('lands each batch once where it pools by transactions', async () => {
    const destination = await destinations.ready('pooled', { url: at('by_transaction') });
    await destination.check(['pooled'], never);
    const batches = Array.from({ length: 6 }, () => makeBatch('pooled', makeRows(200)));
    await Promise.all(batches.map((batch) => destination.write(batch, never)));
    await Promise.all(batches.map((batch) => destination.write(batch, never)));
    expect(await destination.latest?.('pooled', 10_000, never)).to.have.length(1200);
  });

  for (const [what, database] of [
    ['it pools by statements', 'by_statement'],
    ['it has no such database', 'nowhere'],
  ] as const) {
    it(`halts, with advice, where ${what}`, async () => {
      const error = await refused(destinations.make({ url: at(database) }).open(never));
      expect(instructionOf(error), error.message).to.equal('config');
      expect(error.message).to.match(/pool_mode|its databases/);
    });
  }

  it('tries again where the pooler does not reach the server', async () => {
    const error = await refused(destinations.make({ url: at('away') }).open(never));
    expect(instructionOf(error), error.message).to.equal('retry');
  });
});
