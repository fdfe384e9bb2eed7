import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Hookline } from '../support/hookline.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';

type Report = Readonly<Record<string, unknown>>;

const sections = `receipts: { keep: 7d }
destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}", flush: { every: 50ms } }
  local: { type: duckdb, path: ./warehouse.duckdb, releaseAfter: 200ms, flush: { every: 50ms } }
pipelines:
  1: { destination: [warehouse, local], table: orders }
  2: { destination: local, table: leads }
`;

describe('receipts', function () {
  this.timeout(120_000);
  let postgres: TestPostgres;
  let database: string;
  let server: Hookline;
  let url: string;

  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres.destroy());

  beforeEach(async () => {
    database = await postgres.createDatabase();
    server = await Hookline.create(sections, { env: { DATABASE_URL: database } });
    await server.start();
    url = String((await server.token()).urls['1']);
  });
  afterEach(() => server.destroy());

  /** So many requests, landed everywhere; gives their ids. */
  const land = async (count: number): Promise<string[]> => {
    const ids: string[] = [];
    for (let n = 0; n < count; n++) {
      const { answer } = await server.post(url, `{"n":${n}}`);
      ids.push(String(answer.data?.__kdd_request_id));
    }
    await server.drain();
    return ids;
  };
  const where = (ids: readonly string[]) => `__kdd_request_id IN (${ids.map((id) => `'${id}'`).join()})`;
  const reports = async (code: number, ...args: string[]): Promise<Report[]> => {
    const finished = await server.cli('reconcile', '1', '--json', ...args);
    expect(finished.code, finished.stderr).to.equal(code);
    return JSON.parse(finished.stdout) as Report[];
  };

  it('are compared with every warehouse, whether the server runs or not', async () => {
    const ids = await land(30);
    const clean = { receipts: 30, missing: 0, doubled: 0, rowsWithoutReceipt: 0, waiting: 0, deadLetters: 0 };
    for (const report of await reports(0)) expect(report).to.include(clean);

    await postgres.sql(database, `DELETE FROM orders WHERE ${where(ids.slice(3, 5))}`);
    await postgres.sql(
      database,
      `INSERT INTO orders SELECT * FROM orders WHERE ${where([ids[9] as string])}`,
    );
    await postgres.sql(
      database,
      `INSERT INTO orders SELECT 'foreign', __kdd_request_unix_timestamp, 'k', '1' FROM orders WHERE ${where([ids[11] as string])}`,
    );
    const seen = async () => {
      const [warehouse, local] = await reports(3);
      expect(warehouse).to.deep.include({
        ...clean,
        pipeline: '1',
        destination: 'warehouse',
        table: 'orders',
        missing: 2,
        doubled: 1,
        doubledRequests: { [ids[9] as string]: 2 },
        rowsWithoutReceipt: 1,
      });
      expect(warehouse?.['missingRequests']).to.have.members(ids.slice(3, 5));
      expect(local).to.include({ ...clean, destination: 'local' });
    };
    await seen();
    const text = await server.cli('reconcile', '1', '--destination', 'warehouse', '--limit', '1');
    expect(text.code).to.equal(3);
    expect(text.stdout).to.match(
      /^1\/warehouse: 30 receipts of requests from \S+Z to \S+Z, compared with table orders\n/,
    );
    expect(text.stdout).to.match(
      / {2}2 are missing: .*\n {4}[a-z]{20}\n {4}… {2}\(--limit names more\)\n {2}1 is doubled: /,
    );
    expect(text.stdout).to.include(`    ${ids[9]} 2 times\n`);

    await server.stop();
    await seen();
    expect((await reports(0, '--destination', 'local'))[0]).to.include(clean);
  });

  it('are compared within a range of time', async () => {
    const early = await land(5);
    await sleep(50);
    const middle = new Date();
    await sleep(50);
    await land(7);
    await postgres.sql(database, `DELETE FROM orders WHERE ${where(early)}`);
    const [after] = await reports(0, '--from', middle.toISOString(), '--destination', 'warehouse');
    expect(after).to.include({ receipts: 7, missing: 0 });
    const [before] = await reports(3, '--to', middle.toISOString(), '--destination', 'warehouse');
    expect(before).to.include({ receipts: 5, missing: 5 });
  });

  it('call everything missing once the table is gone, and say so where there are none', async () => {
    await land(3);
    await postgres.sql(database, 'DROP TABLE orders');
    const [warehouse] = await reports(3, '--destination', 'warehouse');
    expect(warehouse).to.include({ receipts: 3, missing: 3 });
    const none = await server.cli('reconcile', '2');
    expect([none.code, none.stdout]).to.satisfy(
      ([code, stdout]: [number, string]) => code === 0 && /^2\/local: there are no receipts/.test(stdout),
    );
    const unknown = await server.cli('reconcile', '1', '--destination', 'lake');
    expect([unknown.code, unknown.stderr]).to.satisfy(
      ([code, stderr]: [number, string]) => code === 2 && /it has: warehouse, local/.test(stderr),
    );
    await server.configure(sections.replace('receipts: { keep: 7d }\n', ''));
    const off = await server.cli('reconcile', '1', '--destination', 'local');
    expect(off.code).to.equal(0);
    await postgres.stop();
    const down = await server.cli('reconcile', '1', '--destination', 'warehouse');
    await postgres.start();
    expect(down.code).to.equal(1);
    expect(down.stderr).to.match(/^listing orders: connecting to/);
  });

  it('know their table after it was changed, and what is missing on purpose can be acknowledged', async () => {
    const [before, deleted] = await land(2);
    await server.configure(sections.replace('table: orders', 'table: sales'));
    expect((await server.cli('reload')).code).to.equal(0);
    const [after] = await land(1);
    const landedIn = async (id?: string) =>
      (await server.json<Report[]>('request', String(id))).map(({ table }) => table);
    expect(await landedIn(before)).to.deep.equal(['orders', 'orders']);
    expect(await landedIn(after)).to.deep.equal(['sales', 'sales']);
    const seen = (found: Report[]) => found.map(({ table, receipts, missing }) => [table, receipts, missing]);
    const one = ['--destination', 'warehouse'];
    expect(seen(await reports(0, ...one))).to.have.deep.members([
      ['orders', 2, 0],
      ['sales', 1, 0],
    ]);
    await postgres.sql(database, `DELETE FROM orders WHERE ${where([String(deleted)])}`);
    expect(seen(await reports(3, ...one))).to.deep.include(['orders', 2, 1]);
    expect(seen(await reports(0, ...one, '--acknowledge'))).to.deep.include(['orders', 2, 1]);
    expect(seen(await reports(0, ...one))).to.have.deep.members([
      ['orders', 1, 0],
      ['sales', 1, 0],
    ]);
  });

  it('tell where and when a request has landed, from its id', async () => {
    const [id] = await land(1);
    const traces = await server.json<Report[]>('request', String(id));
    expect(traces.map(({ state, destination, table }) => [state, destination, table])).to.have.deep.members([
      ['landed', 'warehouse', 'orders'],
      ['landed', 'local', 'orders'],
    ]);
    const [{ batch, at } = {}] = traces.filter(({ destination }) => destination === 'warehouse');
    const ledger = await postgres.sql<{ landed_at: Date }>(
      database,
      `SELECT landed_at FROM __hookline_batches WHERE batch_id = '${String(batch)}'`,
    );
    expect(ledger).to.have.lengthOf(1);
    expect(Date.parse(String(at)) - Number(ledger[0]?.landed_at)).to.be.within(-1000, 10_000);
    const { stdout } = await server.cli('request', String(id));
    expect(stdout).to.match(
      /1\/warehouse: accepted \S+Z; authenticated; sealed at \S+Z; landed at \S+Z in table orders, in batch [0-9a-f-]{36}\n/,
    );
  });
});
