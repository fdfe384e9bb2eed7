import { join } from 'node:path';
import { expect } from 'chai';
import { compare, flawless, Sender } from '../support/ack-log.js';
import { eventually, Hookline, type TestToken } from '../support/hookline.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { readDuckDb, readPostgres } from '../support/readers.js';

const kills = Number(process.env['KILLS'] ?? 50);
const configuration = `destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}", flush: { rows: 500, every: 50ms } }
  local: { type: duckdb, path: ./warehouse.duckdb, releaseAfter: 100ms, flush: { rows: 500, every: 50ms } }
pipelines:
  1: { destination: [warehouse, local], table: rows }
`;

/** SIGKILL at random moments under load; then the warehouses are held against the sender's log of acks. */
describe('killed at random moments under load', function () {
  this.timeout(600_000);
  let postgres: TestPostgres;
  let database: string;
  let server: Hookline;
  let token: TestToken;
  let url: string;

  before(async () => {
    postgres = await startPostgres();
  });

  beforeEach(async () => {
    database = await postgres.createDatabase();
    server = await Hookline.create(configuration, { env: { DATABASE_URL: database } });
    token = await server.token();
    url = token.urls['1'] as string;
    await server.start();
  });

  afterEach(() => server.destroy());
  after(() => postgres?.destroy());

  it(`loses and doubles nothing when the load process is killed ${kills} times`, async () => {
    const sender = new Sender(url, 8);
    for (let kill = 0; kill < kills; kill++) {
      await randomPause(50, 500);
      const pid = await eventually('the load process runs', async () => {
        return (await server.children()).find(({ name }) => name === 'load process')?.pid;
      });
      process.kill(pid, 'SIGKILL');
    }
    await sender.stop();
    expect(sender.unanswered).to.equal(0);
    await expectExactlyOnce(sender);
  });

  it(`loses and doubles nothing when the whole server is killed ${kills} times`, async () => {
    const sender = new Sender(url, 8);
    for (let kill = 0; kill < kills; kill++) {
      await randomPause(50, 500);
      await server.killAll();
      await server.start();
    }
    await sender.stop();
    await expectExactlyOnce(sender);
  });

  async function expectExactlyOnce(sender: Sender): Promise<void> {
    const drained = await eventually(
      'everything has landed',
      async () => {
        const finished = await server.cli('drain');
        return finished.code === 0 ? finished : undefined;
      },
      60_000,
    );
    expect(drained.code).to.equal(0);
    expect(await server.stop()).to.equal(0);
    expect(sender.acks.length).to.be.greaterThan(kills);
    for (const rows of [
      await readPostgres(database, 'rows'),
      await readDuckDb(join(server.folder, 'warehouse.duckdb'), 'rows'),
    ]) {
      const { unacked, ...verdict } = compare(sender.acks, rows, token.key);
      expect(verdict).to.deep.equal(flawless);
      expect(unacked).to.be.at.most(sender.unanswered);
    }
  }
});

function randomPause(least: number, most: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, least + Math.random() * (most - least)));
}
