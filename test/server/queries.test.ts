import { expect } from 'chai';
import { eventually, Hookline } from '../support/hookline.js';

const sections = `
destinations:
  local: { type: duckdb, path: ./warehouse.duckdb, flush: { every: 50ms } }
  lake: { type: parquet, path: ./lake, flush: { every: 50ms } }
pipelines:
  1: { destination: [local, lake], table: orders }
`;

/** Takes as long as it is let. */
const endless = 'SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3';

/** Overflows DuckDB's stack. */
const bomb = `SELECT json_structure('${'['.repeat(100_000)}${']'.repeat(100_000)}')`;

describe('queries by the admin API', function () {
  this.timeout(60_000);
  let server: Hookline;

  before(async () => {
    server = await Hookline.create(sections);
    await server.start();
    const { urls } = await server.token();
    await server.post(String(urls['1']), JSON.stringify({ email: 'person@example.com', note: 'a note' }));
    await server.cli('drain');
  });
  after(() => server.destroy());

  const ask = (sql: string, signal?: AbortSignal, destination = 'local') =>
    server.admin('/api/query', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ destination, sql }),
      ...(signal && { signal }),
    });

  it('tell whoever asks of a fault in the SQL, by 400, and nobody else', async () => {
    for (const sql of [
      'SELECT nothing FROM orders',
      'SELEC 1',
      'DELETE FROM orders',
      'SELECT __kdd_request_body::INT FROM orders',
    ]) {
      expect((await ask(sql)).status, sql).to.equal(400);
    }
    expect(server.output).not.to.include('person@example').and.not.to.include('could not answer');
  });

  it('answer 413 where the result is too large, however few rows it has', async () => {
    const answer = await ask("SELECT repeat('x', 1000000) FROM range(60)");
    expect(answer.status).to.equal(413);
    expect(await answer.text())
      .to.include('more than 16MiB')
      .and.to.include('ask for fewer rows');
  });

  it('run two at a time, of which one ends when its client leaves; beyond those that wait it is 429', async () => {
    const leaving = new AbortController();
    // Two run and eight wait, in whatever order they come; none of them is answered.
    const asked = Array.from({ length: 11 }, () =>
      ask(endless, leaving.signal).then(
        ({ status }) => status,
        () => undefined,
      ),
    );
    expect(await Promise.race(asked)).to.equal(429);
    leaving.abort();
    await Promise.all(asked);
    // Of the others none has ended by itself: that would take hours.
    await eventually('a query is answered', async () =>
      (await ask('SELECT 1')).status === 200 ? true : undefined,
    );
  });

  it("and all else that reads a lake run in a process of their own, whose end is no lane's", async () => {
    const before = await server.children();
    const count = 'SELECT count(*)::INT FROM orders';
    expect(await (await ask(count, undefined, 'lake')).json()).to.deep.include({ rows: [[1]] });
    expect(await server.json('rows', '1', '--destination', 'lake')).to.have.length(1);
    const reading = (await server.children()).filter(({ name }) => name === 'read process');
    expect(reading).to.have.length(1);
    expect((await ask(bomb, undefined, 'lake')).status).to.equal(502);
    await eventually('it is there again', async () => {
      const now = (await server.children()).find(({ name }) => name === 'read process');
      return now !== undefined && now.pid !== reading[0]?.pid ? now : undefined;
    });
    expect(await (await ask(count, undefined, 'lake')).json()).to.deep.include({ rows: [[1]] });
    expect((await server.children()).filter(({ name }) => name !== 'read process')).to.deep.equal(before);
  });

  it('end their process alone where DuckDB does not survive one, and what lands goes on', async () => {
    const before = await server.children();
    const answer = await ask(bomb);
    expect(answer.status).to.equal(502);
    expect(await answer.text()).to.include('DuckDB ended unexpectedly (SIGSEGV) during a query');
    const { urls } = await server.token();
    await server.post(String(urls['1']), '{"later":1}');
    await server.cli('drain');
    const rows = await (await ask('SELECT count(*)::INT FROM orders')).json();
    expect(rows).to.deep.include({ rows: [[2]] });
    expect(await server.children()).to.deep.equal(before);
  });
});
