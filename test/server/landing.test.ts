import { Agent } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { uglyJson } from '../../core/conformance/ugly-json.js';
import { type Ack, compare, flawless, post } from '../support/ack-log.js';
import { githubPayloads } from '../support/github-payloads.js';
import { eventually, Hookline, type TestToken } from '../support/hookline.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { readDuckDb, readPostgres } from '../support/readers.js';

function configuration(more = ''): string {
  return `destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}", flush: { every: 200ms } }
  local: { type: duckdb, path: ./warehouse.duckdb, flush: { every: 200ms } }
pipelines:
  835212: { name: GitHub, destination: [warehouse, local], table: github }
  835213: { name: Shared, destination: warehouse, table: github }
${more}`;
}

describe('a webhook posted is a row landed', function () {
  this.timeout(120_000);
  let postgres: TestPostgres;
  let database: string;
  let server: Hookline;
  let token: TestToken;

  before(async () => {
    postgres = await startPostgres();
    database = await postgres.createDatabase();
    server = await Hookline.create(configuration(), { env: { DATABASE_URL: database } });
    token = await server.token();
    await server.start();
  });

  after(async () => {
    await server?.destroy();
    await postgres?.destroy();
  });

  it("lands every payload of GitHub's webhooks and the ugliest JSON there is, byte for byte, once, in both destinations", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const acks: Ack[] = [];
    const bodies = [...githubPayloads(), ...uglyJson.map(({ body }) => body)];
    expect(bodies.length).to.be.greaterThan(500);
    await Promise.all(
      bodies.map(async (body) => {
        const reply = await post(token.urls['835212'] as string, body, agent);
        expect(reply?.status).to.equal(200);
        const data = reply?.answer.data;
        if (data === undefined) throw new Error('no data in the answer');
        acks.push({ requestId: data.__kdd_request_id, timestamp: data.__kdd_request_unix_timestamp, body });
      }),
    );
    agent.destroy();
    const drained = await server.cli('drain');
    expect([drained.code, drained.stderr]).to.deep.equal([0, '']);
    expect(await server.stop()).to.equal(0);

    const found = await readPostgres(database, 'github');
    expect(found).to.have.length(bodies.length);
    expect(compare(acks, found, token.key)).to.deep.equal({ ...flawless, unacked: 0 });
    const embedded = await readDuckDb(join(server.folder, 'warehouse.duckdb'), 'github');
    expect(compare(acks, embedded, token.key)).to.deep.equal({ ...flawless, unacked: 0 });
    await server.start();
  });

  it('lands a body without its byte-order mark, and a packed one unpacked', async () => {
    const url = token.urls['835212'] as string;
    const marked = await server.post(url, '\ufeff{"marked": true}');
    const packed = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Encoding': 'gzip' },
      body: gzipSync('{"packed":   true}'),
    });
    expect(packed.status).to.equal(200);
    await server.drain();
    const rows = await readPostgres(database, 'github');
    const bodies = rows.map(({ body }) => Buffer.from(body).toString());
    expect(bodies).to.include('{"packed":   true}');
    const row = rows.find(({ requestId }) => requestId === marked.answer.data?.__kdd_request_id);
    expect(Buffer.from(row?.body ?? []).toString()).to.equal('{"marked": true}');
  });

  it('lets two pipelines share a table', async () => {
    const { answer } = await server.post(token.urls['835213'] as string, '"shared"');
    const id = answer.data?.__kdd_request_id;
    const rows = await eventually('the row is there', async () => {
      const found = await readPostgres(database, 'github');
      return found.some(({ requestId }) => requestId === id) ? found : undefined;
    });
    expect(rows.filter(({ requestId }) => requestId === id)).to.have.length(1);
  });

  it('answers while Postgres is down, lands in the other destination, and lands everything when it returns', async () => {
    await postgres.stop();
    const url = token.urls['835212'] as string;
    const acked: string[] = [];
    for (let number = 0; number < 20; number++) {
      const { status, answer } = await server.post(url, JSON.stringify({ while: 'down', number }));
      expect(status).to.equal(200);
      acked.push(answer.data?.__kdd_request_id ?? '');
    }
    const lanes = await eventually('the other lane is empty and this one retries', async () => {
      const found = await server.json<Record<string, unknown>[]>('pipelines');
      const [stuck, landed] = [lane(found, 'warehouse'), lane(found, 'local')];
      return stuck?.['state'] === 'retrying' && landed?.['records'] === 0 ? found : undefined;
    });
    expect(lane(lanes, 'warehouse')?.['records']).to.equal(20);
    expect(lane(lanes, 'warehouse')?.['lastError']).to.be.a('string');
    expect((await server.admin('/ready')).status).to.equal(200);

    await postgres.start();
    await server.drain();
    const found = (await readPostgres(database, 'github')).map(({ requestId }) => requestId);
    for (const id of acked) expect(found.filter((each) => each === id)).to.have.length(1);
  });

  it('starts and answers with every warehouse down', async () => {
    await server.stop();
    await postgres.stop();
    await server.start();
    expect((await server.post(token.urls['835213'] as string, '"early"')).status).to.equal(200);
    await postgres.start();
    expect((await server.cli('drain')).code).to.equal(0);
  });

  it('finds its tokens in Postgres, where other machines have them too, and waits while it is down', async () => {
    const shared = await Hookline.create(
      `tokens: { type: postgres, url: "\${DATABASE_URL}" }
destinations:
  local: { type: duckdb, path: ./warehouse.duckdb, releaseAfter: 100ms, flush: { every: 100ms } }
pipelines:
  1: { destination: local, table: one }
`,
      { env: { DATABASE_URL: database } },
    );
    try {
      const { key, urls } = await shared.token();
      await shared.start();
      await postgres.stop();
      expect((await shared.post(urls['1'] as string, '"waits"')).status).to.equal(200);
      await eventually('the lane waits', async () => {
        const [lane] = await shared.json<Record<string, unknown>[]>('pipelines');
        return lane?.['state'] === 'retrying' || undefined;
      });
      await postgres.start();
      expect((await shared.cli('drain')).code).to.equal(0);
      expect(await shared.json<unknown[]>('discards', 'list')).to.deep.equal([]);

      expect((await shared.cli('tokens', 'deactivate', key)).code).to.equal(0);
      await new Promise((resolve) => setTimeout(resolve, 5000));
      await shared.post(urls['1'] as string, '"too late"');
      await shared.drain();
      const rows = await shared.json<Record<string, unknown>[]>('rows', '1');
      expect(rows.map((row) => row['__kdd_request_body'])).to.deep.equal(['"waits"']);
      const [discard] = await shared.json<Record<string, unknown>[]>('discards', 'list');
      expect(discard).to.include({ key, reason: 'deactivated token' });
    } finally {
      await shared.destroy();
    }
  });

  it('keeps what comes for a paused pipeline, and lands it when it is resumed', async () => {
    await server.stop();
    await server.configure(configuration().replace('table: github }', 'table: github, paused: true }'));
    await server.start();
    const { answer } = await server.post(token.urls['835212'] as string, '"later"');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const paused = await server.json<Record<string, unknown>[]>('pipelines');
    expect(lane(paused, 'local')).to.include({ state: 'paused', records: 1 });

    await server.stop();
    await server.configure(configuration());
    await server.start();
    await server.drain();
    const rows = await server.json<Record<string, unknown>[]>('rows', '835212', '--limit', '1');
    expect(rows[0]).to.deep.include({
      __kdd_request_id: answer.data?.__kdd_request_id,
      __kdd_request_unix_timestamp: answer.data?.__kdd_request_unix_timestamp,
      __kdd_requester_key: token.key,
      __kdd_request_body: '"later"',
    });
  });
});

function lane(
  lanes: readonly Record<string, unknown>[],
  destination: string,
): Record<string, unknown> | undefined {
  return lanes.find((one) => one['pipeline'] === '835212' && one['destination'] === destination);
}
