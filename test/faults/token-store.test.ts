import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Scoreboard, sized } from '../support/attack.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { readPostgres } from '../support/readers.js';
import { Rig } from '../support/rig.js';

const rounds = sized(1, 4);
const board = new Scoreboard('outages of the token store, under load');

const configuration = `tokens: { type: postgres, url: "\${TOKENS_URL}" }
destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}", flush: { every: 50ms } }
pipelines:
  1: { destination: warehouse, table: rows }
`;

describe('while the token store is out, requests are answered and wait, and nothing is discarded', function () {
  this.timeout(240_000);
  let warehouse: TestPostgres;
  let tokens: TestPostgres;
  let database: string;
  let rig: Rig;

  before(async () => {
    [warehouse, tokens] = await Promise.all([startPostgres(), startPostgres()]);
    database = await warehouse.createDatabase();
    const env = { DATABASE_URL: database, TOKENS_URL: await tokens.createDatabase() };
    rig = await Rig.start(configuration, { env });
    rig.send('1');
    await rig.lands('1', 'warehouse');
  });

  after(async () => {
    await rig?.destroy();
    await Promise.all([warehouse?.destroy(), tokens?.destroy()]);
  });

  it(`${rounds} × stopped: its lanes say that it is the token store, and land all once it is back`, async () => {
    for (let round = 0; round < rounds; round++) {
      await tokens.stop();
      await rig.is(['1', 'warehouse'], 'retrying', [/token store/, /ECONNREFUSED/, /is the server running/]);
      const acked = rig.acked;
      await sleep(1000);
      expect((await rig.lane('1', 'warehouse')).records).to.be.greaterThan(0);
      expect(rig.acked).to.be.greaterThan(acked);
      expect((await rig.server.admin('/ready')).status).to.equal(200);
      await tokens.start();
      await rig.is(['1', 'warehouse'], 'running');
      await rig.lands('1', 'warehouse');
      board.add('stops (fast shutdown)', 1);
    }
  });

  it('holds every row once, as it was answered', async () => {
    await rig.finish();
    expect(rig.refused).to.equal(0);
    const verdict = rig.judge('1', await readPostgres(database, 'rows'));
    board.add('rows held against the answers', verdict.rows, verdict);
    board.print();
  });
});
