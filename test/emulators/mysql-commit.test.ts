import { expect } from 'chai';
import {
  instruction,
  makeBatch,
  makeRows,
  never,
  refused,
  TestDestinations,
  urlWith,
} from 'hookline/conformance';
import { instructionOf } from 'hookline/plugin';
import type { RowDataPacket } from 'mysql2/promise';
import plugin from '../../connectors/mysql/index.js';
import { CommitProxy, type Fate } from '../support/commit-proxy.js';
import { eventually } from '../support/hookline.js';
import { TestMariadb } from '../support/mariadb.js';

/** What breaks, and whether the rows are in the table then. */
const ways: Readonly<Record<string, readonly [Fate, landed: boolean]>> = {
  'is lost on its way': ['cut before', false],
  'loses its answer': ['cut after', true],
  'is refused by a cluster, as another node was first': [
    { errno: 1213, sqlState: '40001', landed: false },
    false,
  ],
  'is rolled back by group replication': [{ errno: 3101, sqlState: '40000', landed: false }, false],
  'is called an error though it has landed': [{ errno: 1180, sqlState: 'HY000', landed: true }, true],
};

/** MariaDB with a binary log, as only then a commit can wait for replicas. */
describe('the mysql destination, when COMMIT itself fails', () => {
  let server: TestMariadb;
  let proxy: CommitProxy;
  const destinations = new TestDestinations(plugin, () => ({
    url: urlWith(server.url, { port: String(proxy.port) }),
  }));
  const count = async (table: string): Promise<number> =>
    Number((await server.sql<RowDataPacket[]>(`SELECT COUNT(*) AS n FROM ${table}`))[0]?.['n']);

  before(async function () {
    this.timeout(60_000);
    const binlog = ['--log-bin', '--server-id=1', '--sync-binlog=1'];
    server = await TestMariadb.start(undefined, ...binlog, '--lower-case-table-names=1');
    proxy = await CommitProxy.start(Number(new URL(server.url).port));
  });
  afterEach(() => destinations.close());
  after(async () => {
    await proxy?.close();
    await server?.destroy();
  });

  for (const [at, [what, [fate, landed]]] of Object.entries(ways).entries()) {
    it(`lands a batch once whose COMMIT ${what}`, async () => {
      const table = `commit_${at}`;
      const destination = await destinations.ready(table);
      const batch = makeBatch(table, makeRows(3));
      proxy.fate = fate;
      const error = await refused(destination.write(batch, never));
      expect(instructionOf(error), error.message).to.equal('retry');
      if (typeof fate === 'object') expect(error.message).to.include('said');
      expect(proxy.fate, 'the COMMIT came').to.equal(undefined);
      expect(await count(table)).to.equal(landed ? 3 : 0);
      await destination.write(batch, never);
      expect(await count(table)).to.equal(3);
    });
  }

  it('refuses a name with capitals where the server does not tell them apart', async () => {
    const destination = await destinations.ready('orders');
    for (const call of [
      () => destination.ensureTable('Orders', never),
      () => destination.check(['orders', 'Orders'], never),
    ]) {
      const error = await refused(call());
      expect(instructionOf(error)).to.equal('config');
      expect(error.message).to.include('write orders, which is the same table');
    }
  });

  it('says that a batch has landed whose COMMIT is answered after it was given up', async () => {
    const destination = await destinations.ready('late');
    const batch = makeBatch('late', makeRows(3));
    const abort = new AbortController();
    const held = proxy.hold();
    const writing = destination.write(batch, abort.signal);
    const letGo = await held;
    abort.abort();
    letGo();
    await writing;
    expect(await count('late')).to.equal(3);
  });

  it('does not take a batch for landed that no replica has yet', async () => {
    const destination = await destinations.ready('waiting');
    const batch = makeBatch('waiting', makeRows(3));
    // Rows are to be seen here before a replica has them, and there is none.
    await server.sql('SET GLOBAL rpl_semi_sync_master_timeout = 3600000');
    await server.sql('SET GLOBAL rpl_semi_sync_master_enabled = ON');
    try {
      const abort = new AbortController();
      const first = instruction(destination.write(batch, abort.signal));
      await eventually('the rows show', async () => (await count('waiting')) === 3 || undefined);
      abort.abort();
      expect(await first, 'the first try').to.equal(undefined);

      const second = destination.write(batch, never);
      const waits = async () => {
        const sessions = await server.sql<RowDataPacket[]>(
          "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for semi-sync%'",
        );
        return Number(sessions[0]?.['n']) === 2;
      };
      const outcome = await Promise.race([
        second.then(() => 'it has resolved'),
        eventually('it waits as well', async () => (await waits()) || undefined).then(() => 'it waits'),
      ]);
      expect(outcome).to.equal('it waits');
      await server.sql('SET GLOBAL rpl_semi_sync_master_enabled = OFF');
      await second;
    } finally {
      await server.sql('SET GLOBAL rpl_semi_sync_master_enabled = OFF');
    }
    expect(await count('waiting')).to.equal(3);
  }).timeout(30_000);
});
