import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'chai';
import type { LaneOverview } from '../../server/overview.js';
import { eventually, Hookline } from '../support/hookline.js';
import { startPostgres } from '../support/postgres.js';

describe('secrets', function () {
  this.timeout(300_000);

  it('are nowhere after a run with every kind of trouble: no token, password or body in a file, log, error, metric or title', async () => {
    const postgres = await startPostgres();
    const database = await postgres.createDatabase();
    await postgres.sql(database, refusingInPostgres);
    const server = await Hookline.create(
      `discards: { keep: 1h }
receipts: { keep: 1h }
destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}", flush: { every: 50ms } }
  local: { type: duckdb, path: ./warehouse.duckdb, releaseAfter: 100ms, flush: { every: 50ms } }
pipelines:
  1: { destination: [warehouse, local], table: one }
${refusing.map((table, n) => `  ${n + 11}: { destination: warehouse, table: ${table} }\n`).join('')}
  21: { destination: local, table: once }
`,
      { env: { DATABASE_URL: database, LOG_LEVEL: 'debug' } },
    );
    const said: string[] = [];
    /** What is there to show bodies. */
    const shown: string[] = [];
    try {
      await runDuckDb(
        join(server.folder, 'warehouse.duckdb'),
        `CREATE TABLE once (${columns}, UNIQUE (__kdd_request_body))`,
      );
      const { token, urls, key } = await server.token();
      await server.start();
      const url = urls['1'] as string;
      const body = '{"private": "b4d5ecret"}';
      await server.post(url, body);
      await server.post(url, `${body}x`);
      await server.post(url.replace('pipeline_id=1', 'pipeline_id=2'), body);
      await server.post(`${server.webhookUrl}/?pipeline_id=1&key=${token}&token=${token}`, body);
      const basic = Buffer.from(`${key}:${token}`).toString('base64');
      const headers = { Authorization: `Basic ${basic}` };
      await fetch(`${server.webhookUrl}/?pipeline_id=1`, { method: 'POST', body, headers });
      await fetch(url.replace('pipeline_id=1', 'pipeline_id=1&x=%'), { method: 'PUT', body });
      for (const pipeline of [...refusing.keys()].map((n) => n + 11).concat(21)) {
        const there = url.replace('pipeline_id=1', `pipeline_id=${pipeline}`);
        for (let times = 0; times < 2; times++) expect((await server.post(there, body)).status).to.equal(200);
      }
      const spool = filesIn(join(server.folder, 'data/spool'));
      expect(spool.some(({ name }) => name.endsWith('.journal'))).to.equal(true);
      const troubled = await eventually(
        'every warehouse has refused a row',
        async () => {
          const lanes = (await server.json<LaneOverview[]>('pipelines')).filter(
            (lane) => lane.pipeline !== '1',
          );
          return lanes.every((lane) => lane.deadLetters > 0 || lane.state === 'halted') ? lanes : undefined;
        },
        60_000,
      );
      expect(troubled).to.have.length(refusing.length + 1);
      const asked = await server.cli('query', 'SELECT __kdd_request_body::INT FROM once');
      expect(asked.stderr, 'what the statement asked for').to.include('b4d5ecret');
      await postgres.stop();
      await server.post(url, body);
      await eventually('it retries', async () => {
        const [lane] = await server.json<{ state: string }[]>('pipelines');
        return lane?.state === 'retrying' || undefined;
      });
      for (const command of [
        ['pipelines'],
        ['tokens', 'list'],
        ['check'],
        ['discards', 'list'],
        ['discards', 'list', '--held'],
        ['dead', 'list'],
        ['dead', 'list', '--json'],
        ['request', 'a'.repeat(20)],
        ['reconcile', '1'],
        ['explain', '1'],
        ['explain', '12'],
        ['reload'],
        ['query', `SELECT '${key}'`],
        ['send', '2', server.configFile],
        ['tokens', 'deactivate', 'no-key'],
        ['plugins', 'postgres'],
        ['schema'],
      ]) {
        const { stdout, stderr } = await server.cli(...command);
        said.push(stdout, stderr);
      }
      for (const command of [
        ['rows', '1', '--destination', 'local'],
        ['dead', 'export'],
      ]) {
        const { stdout, stderr } = await server.cli(...command);
        expect(stdout, command.join(' ')).to.include('b4d5ecret');
        shown.push(stdout);
        said.push(stderr);
      }
      said.push(await (await server.admin('/metrics')).text());
      for (const page of ['api/pipelines', 'api/instance', 'api/pipelines/1/rows', 'ready', `x?token=x`]) {
        said.push(await (await server.admin(`/${page}`)).text());
      }
      for (const { pid } of [{ pid: server.pid as number }, ...(await server.children())]) {
        said.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), readFileSync(`/proc/${pid}/comm`, 'utf8'));
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        expect(environment.includes(token), `the token in the environment of ${pid}`).to.equal(false);
      }
      await postgres.start();
      await server.drain();
      await server.stop();
      said.push(server.output);

      const password = decodeURIComponent(new URL(database).password);
      expect(password).not.to.equal('');
      for (const [what, secret] of [
        ['the token', token],
        ['the credentials', basic],
        ['the password', password],
        ['the body', 'b4d5ecret'],
      ] as const) {
        for (const text of secret === 'b4d5ecret' ? said : [...said, ...shown])
          expect(text.includes(secret), `${what} in: ${text.slice(0, 500)}`).to.equal(false);
      }
      await postgres.stop();
      // What lies in the spool and in the token store, and nowhere else on the machine that is ours.
      const files = [...spool, ...filesIn(server.folder), ...filesIn(postgres.folder)];
      expect(files.some(({ bytes }) => bytes.includes(key.slice(0, 8)))).to.equal(true);
      for (const { name, bytes } of files) {
        if (name.endsWith('hookline.yaml')) continue;
        expect(bytes.includes(token), `the token in ${name}`).to.equal(false);
        expect(bytes.includes(basic), `the credentials in ${name}`).to.equal(false);
        if (!name.startsWith(postgres.folder)) {
          expect(bytes.includes(password), `the password in ${name}`).to.equal(false);
        }
      }
    } finally {
      await server.destroy();
      await postgres.destroy();
    }
  });

  it('are masked in whatever a plugin logs and throws, also in a URL that it did not declare secret', async () => {
    const plugin = new URL('../support/leaky-plugin.js', import.meta.url).pathname;
    const server = await Hookline.create(
      `destinations:
  warehouse: { type: leaky, url: "http://hookline:p%40ss%20w0rd@localhost", password: "\${PASSWORD}", flush: { every: 50ms } }
plugins: [ ${JSON.stringify(plugin)} ]
pipelines:
  1: { destination: warehouse, table: one }
`,
      { env: { PASSWORD: 'quo"te\\d', LOG_LEVEL: 'debug' } },
    );
    const said: string[] = [];
    try {
      await server.start();
      const url = (await server.token()).urls['1'] as string;
      await server.post(url, '"bad"');
      await eventually('a dead letter', async () => {
        return (await server.json<object[]>('dead', 'list')).length > 0 || undefined;
      });
      await server.post(url, '1');
      await eventually('it retries', async () => {
        const [lane] = await server.json<{ state: string }[]>('pipelines');
        return lane?.state === 'retrying' || undefined;
      });
      for (const command of [
        ['pipelines'],
        ['check'],
        ['plugins'],
        ['plugins', 'leaky'],
        ['schema'],
        ['dead', 'list'],
      ]) {
        const { stdout, stderr } = await server.cli(...command);
        said.push(stdout, stderr);
      }
      for (const page of ['metrics', 'ready', 'api/pipelines']) {
        said.push(await (await server.admin(`/${page}`)).text());
      }
      await server.cli('rows', '1');
      await eventually(
        'the load process has fallen',
        async () => server.output.includes('cannot read') || undefined,
      );
      await server.stop();
      said.push(server.output);
      const text = said.join('\n');
      expect(text).to.include('http://hookline:***@localhost');
      expect(text).to.match(/the password is \*\*\*/);
      for (const secret of ['p%40ss', 'p@ss w0rd', 'quo"te', 'quo\\"te', 'f4llback']) {
        expect(text.includes(secret), secret).to.equal(false);
      }
      for (const { name, bytes } of filesIn(server.folder)) {
        if (!name.endsWith('hookline.yaml')) expect(bytes.includes('w0rd'), name).to.equal(false);
      }
    } finally {
      await server.destroy();
    }
  });

  it('lie in files that only their owner reads, also where the folder was there before, and open', async () => {
    const server = await Hookline.create(
      `destinations:
  local: { type: duckdb, path: ./data/rows/warehouse.duckdb, flush: { every: 50ms } }
  log: { type: duckdb, path: ./open/warehouse.duckdb, flush: { every: 50ms } }
  lake: { type: parquet, path: ./open/lake, flush: { every: 50ms } }
pipelines:
  1: { destination: [local, log, lake], table: one }
`,
      { limits: 'umask 022' },
    );
    mkdirSync(join(server.folder, 'open'));
    chmodSync(join(server.folder, 'open'), 0o755);
    const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
    try {
      const { urls } = await server.token();
      await server.start();
      await server.post(urls['1'] as string, '{}');
      await server.drain();
      for (const folder of ['data', 'data/spool', 'data/tokens', 'data/rows']) {
        expect(modeOf(join(server.folder, folder)), folder).to.equal('700');
      }
      const files = ['data', 'open'].flatMap((folder) => filesIn(join(server.folder, folder)));
      expect(
        files.map(({ name }) => name).filter((name) => /\.(mdb|journal|duckdb|parquet)$/.test(name)),
      ).to.have.length.of.at.least(5);
      for (const { name } of files) expect(modeOf(name), name).to.equal('600');
    } finally {
      await server.destroy();
    }
  });
});

const columns = `__kdd_request_id text, __kdd_request_unix_timestamp double precision,
  __kdd_requester_key text, __kdd_request_body text`;

/** Tables whose owner refuses some rows, each in a way in which the server may quote the row. */
const refusing = ['checked', 'raised', 'computed', 'once'] as const;
const refusingInPostgres = `
  CREATE TABLE checked (${columns}, CHECK (length(__kdd_request_body) < 9));
  CREATE TABLE computed (${columns},
    number int GENERATED ALWAYS AS ((__kdd_request_body::json ->> 'private')::int) STORED);
  CREATE TABLE once (${columns}, UNIQUE (__kdd_request_body));
  CREATE TABLE raised (${columns});
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no room for %', NEW.__kdd_request_body USING DETAIL = NEW.__kdd_request_body; END $$;
  CREATE TRIGGER refuses BEFORE INSERT ON raised FOR EACH ROW EXECUTE FUNCTION refuse();`;

async function runDuckDb(file: string, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  try {
    await connection.run(sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function filesIn(folder: string): { readonly name: string; readonly bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const name = join(entry.parentPath, entry.name);
      return { name, bytes: readFileSync(name) };
    });
}
