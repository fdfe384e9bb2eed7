import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { LaneOverview } from '../../server/overview.js';
import type { ReloadReport } from '../../server/reload.js';
import { compare, type FoundRow, flawless, Sender } from '../support/ack-log.js';
import { sized } from '../support/attack.js';
import { eventually, Hookline, isAlive, type TestToken } from '../support/hookline.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { readDuckDb, readPostgres } from '../support/readers.js';

const mainFile = fileURLToPath(new URL('../../server/main.js', import.meta.url));

/** A DuckDB destination, as YAML. */
function duckdb(name: string, options = ''): string {
  return `  ${name}: { type: duckdb, path: ./${name}.duckdb, releaseAfter: 100ms, flush: { every: 50ms }${options} }\n`;
}

const one = `destinations:\n${duckdb('local')}pipelines:\n  1: { destination: local, table: one }\n`;

/** What changes comes back after twelve. */
const reloads = sized(12, 20);

describe('a reload', function () {
  this.timeout(120_000);
  let server: Hookline;
  let token: TestToken;

  async function start(sections: string, options: Parameters<typeof Hookline.create>[1] = {}): Promise<void> {
    server = await Hookline.create(sections, options);
    token = await server.token();
    await server.start();
  }

  afterEach(() => server.destroy());

  /** By the admin API, which takes no process of its own. */
  async function reload(): Promise<ReloadReport> {
    const response = await server.admin('/api/reload', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
    });
    const answer = (await response.json()) as ReloadReport & { readonly error?: string };
    expect(response.status, answer.error).to.equal(200);
    return answer;
  }

  function urlOf(pipeline: number): string {
    return (token.urls['1'] as string).replace('pipeline_id=1', `pipeline_id=${pipeline}`);
  }

  async function statusOf(pipeline: number): Promise<number> {
    return (await server.post(urlOf(pipeline), '{"a": 1}')).status;
  }

  async function lane(pipeline: string): Promise<LaneOverview | undefined> {
    const lanes = await server.json<LaneOverview[]>('pipelines');
    return lanes.find((each) => each.pipeline === pipeline);
  }

  async function metric(name: string): Promise<number> {
    const text = await (await server.admin('/metrics')).text();
    return Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1]);
  }

  async function rowsOf(destination: string, table: string): Promise<FoundRow[]> {
    return readDuckDb(join(server.folder, `${destination}.duckdb`), table);
  }

  describe('with Postgres', () => {
    let postgres: TestPostgres;

    before(async () => {
      postgres = await startPostgres();
    });

    after(() => postgres?.destroy());

    it(`${reloads} times under load drops no connection, and loses and doubles nothing, whatever it adds, changes and removes`, async () => {
      const database = await postgres.createDatabase();
      /** Pipeline 1 stays; 2 changes its table and pauses; 3 comes and goes with its destination; `warehouse` is opened anew each time. */
      const round = (number: number) => `destinations:
  warehouse: { type: postgres, url: "${database}", flush: { rows: ${500 + number}, every: 50ms } }
${duckdb('local')}${number % 2 === 0 ? duckdb('extra') : ''}pipelines:
  1: { destination: [warehouse, local], table: one }
  2: { destination: warehouse, table: ${number % 3 === 0 ? 'two' : 'deux'}, paused: ${number % 4 === 3} }
${number % 2 === 0 ? '  3: { destination: extra, table: three }\n' : ''}`;
      await start(round(0), { webhooks: ', workers: 2' });
      const workers = await server.children();
      const senders = [new Sender(urlOf(1), 6), new Sender(urlOf(2), 4), new Sender(urlOf(3), 2)] as const;
      for (let number = 1; number <= reloads; number++) {
        await server.configure(round(number), { webhooks: ', workers: 2' });
        const { pipelines, destinations } = await reload();
        const [come, gone] = number % 2 === 0 ? [['3'], []] : [[], ['3']];
        expect({ added: pipelines.added, removed: pipelines.removed }).to.deep.equal({
          added: come,
          removed: gone,
        });
        expect(destinations.changed).to.deep.equal(['warehouse']);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await Promise.all(senders.map((sender) => sender.stop()));
      expect(await server.children()).to.deep.equal(workers);
      expect((await server.cli('drain')).code, server.output).to.equal(0);
      expect(await server.stop()).to.equal(0);

      const [first, second, third] = senders;
      expect([first.unanswered, first.connections, second.unanswered, second.connections]).to.deep.equal([
        0, 6, 0, 4,
      ]);
      expect(third.unanswered).to.be.greaterThan(0);
      expect(third.connections).to.equal(2);
      const two = [...(await readPostgres(database, 'two')), ...(await readPostgres(database, 'deux'))];
      for (const [{ acks }, rows] of [
        [first, await readPostgres(database, 'one')],
        [first, await rowsOf('local', 'one')],
        [second, two],
        [third, await rowsOf('extra', 'three')],
      ] as const) {
        expect(acks.length).to.be.greaterThan(50);
        expect(compare(acks, rows, token.key)).to.deep.equal({ ...flawless, unacked: 0 });
      }
    });

    it('takes over a password that was changed in a file, and the lane that was halted by the old one heals', async () => {
      const database = await postgres.createDatabase();
      await postgres.sql(database, `CREATE ROLE loader LOGIN PASSWORD 'the-first-password'`);
      await postgres.sql(database, 'GRANT ALL ON SCHEMA public TO loader');
      const { host, port } = postgres;
      const name = new URL(database).pathname.slice(1);
      server = await Hookline.create(`destinations:
  warehouse: { type: postgres, host: ${host}, port: ${port}, user: loader, password: "\${file:password}", database: ${name}, flush: { every: 50ms } }
pipelines:
  1: { destination: warehouse, table: one }
`);
      const file = join(server.folder, 'password');
      await writeFile(file, 'the-first-password\n');
      token = await server.token();
      await server.start();
      expect(await statusOf(1)).to.equal(200);
      expect((await server.cli('drain')).code).to.equal(0);

      await postgres.sql(database, `ALTER ROLE loader PASSWORD 'the-second-password'`);
      await postgres.sql(
        database,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loader'`,
      );
      expect(await statusOf(1)).to.equal(200);
      await eventually('it is halted', async () =>
        (await lane('1'))?.state === 'halted' ? true : undefined,
      );
      const { destinations: none } = await reload();
      expect(none.changed).to.deep.equal([]);
      await writeFile(file, 'the-second-password\n');
      const { destinations } = await reload();
      expect(destinations.changed).to.deep.equal(['warehouse']);
      expect((await server.cli('drain')).code).to.equal(0);
      expect((await lane('1'))?.state).to.equal('running');
      expect(await readPostgres(database, 'one')).to.have.length(2);
      expect(server.output).not.to.include('-password');
    });
  });

  it('answers a new pipeline, refuses a removed one, pauses and resumes, by hookline reload and by SIGHUP', async () => {
    await start(one);
    expect(await statusOf(2)).to.equal(400);
    await server.configure(`${one}  2: { destination: local, table: two, paused: true }\n`);
    const { code, stdout } = await server.cli('reload');
    expect(stdout).to.include('is in force\npipelines: added 2\n');
    expect(code).to.equal(0);
    expect(await statusOf(2)).to.equal(200);
    expect((await lane('2'))?.state).to.equal('paused');

    await server.configure(`${one}  2: { destination: local, table: two }\n`);
    server.signal('SIGHUP');
    await eventually('it has landed', async () => ((await lane('2'))?.records === 0 ? true : undefined));
    await server.configure(one);
    server.signal('SIGHUP');
    await eventually('it is removed', async () => /pipelines: removed 2/.exec(server.output) ?? undefined);
    expect(await statusOf(2)).to.equal(400);
    expect(await lane('2')).to.equal(undefined);
    expect(await server.stop()).to.equal(0);
    expect((await rowsOf('local', 'two')).length).to.be.greaterThan(0);
  });

  it('keeps the records of a pipeline that it removes, says so, and lands them when it is put back', async () => {
    const two = `${one}  2: { destination: local, table: two, paused: true }\n`;
    await start(two);
    for (let number = 0; number < 3; number++) expect(await statusOf(2)).to.equal(200);
    await server.configure(one);
    const removed = await server.cli('reload');
    expect(removed.code).to.equal(0);
    const said =
      'pipeline 2 does not lead to local any more, and 3 records wait there, kept: put it back to land what waits';
    expect(removed.stdout).to.include(`pipelines: removed 2\n${said}\n`);
    expect(server.output).to.include(said);
    await eventually(
      'the load process says so',
      async () => /lane 2\/local has records but/.exec(server.output) ?? undefined,
    );
    const { state, records, lastError } = (await lane('2')) as LaneOverview;
    expect({ state, records }).to.deep.equal({ state: 'removed', records: 3 });
    expect(lastError).to.match(/not in the configuration any more.*put the pipeline back/);
    const stuck = await server.cli('drain');
    expect(stuck.code).to.equal(1);
    expect(stuck.stderr).to.include('2/local is removed');

    await server.configure(two.replace('true', 'false'));
    expect((await reload()).orphans).to.deep.equal([]);
    expect((await server.cli('drain')).code).to.equal(0);
    expect(await server.stop()).to.equal(0);
    expect(await rowsOf('local', 'two')).to.have.length(3);
  });

  it('refuses a file with faults, lists each with its line, and leaves the old one in force', async () => {
    await start(one);
    const before = await metric('hookline_config_last_reload_success_timestamp_seconds');
    expect(await metric('hookline_config_last_reload_successful')).to.equal(1);
    await server.configure(`destinations:
${duckdb('local', ', threads: many')}pipelines:
  1: { destination: local, table: one }
  2: { destination: nowhere, table: two }
`);
    const { code, stdout, stderr } = await server.cli('reload');
    expect(code).to.equal(78);
    expect(stdout).to.equal('');
    expect(stderr).to.match(
      /hookline\.yaml:6:\d+ {2}destinations\.local\.threads: expected .*\n.*hookline\.yaml:9:\d+ {2}pipelines\.2\.destination: there is no destination `nowhere`/,
    );
    expect(stderr).to.match(/not reloaded: a running server goes on with the configuration from before\n$/);
    server.output = '';
    server.signal('SIGHUP');
    await eventually('the log says so', async () => /stays in force/.exec(server.output) ?? undefined);
    expect(server.output).to.match(
      /not reloaded: .*:6:\d+ {2}destinations\.local\.threads[\s\S]*not reloaded: .*:9:\d+ {2}pipelines\.2/,
    );
    expect(await metric('hookline_config_last_reload_successful')).to.equal(0);
    expect(await metric('hookline_config_last_reload_success_timestamp_seconds')).to.equal(before);
    expect([await statusOf(1), await statusOf(2)]).to.deep.equal([200, 400]);

    await writeFile(server.configFile, 'pipelines: [');
    expect((await server.cli('reload')).code).to.equal(78);
    const load = (await server.children()).find(({ name }) => name === 'load process')?.pid as number;
    process.kill(load, 'SIGKILL');
    await eventually(
      'another load process lands by the old one',
      async () =>
        ((await server.admin('/api/pipelines').then((answer) => answer.json())) as LaneOverview[]).every(
          ({ state, records }) => state === 'running' && records === 0,
        ) || undefined,
    );

    await server.configure(one);
    await reload();
    expect(await metric('hookline_config_last_reload_successful')).to.equal(1);
    expect(await metric('hookline_config_last_reload_success_timestamp_seconds')).to.be.greaterThan(before);
  });

  it('names what takes a restart with its line, and then changes nothing at all', async () => {
    await start(one);
    await server.configure(
      `spool: { type: lmdb, path: ./elsewhere }\n${one}  2: { destination: local, table: two }\n`,
      {
        webhooks: ', workers: 2',
      },
    );
    const response = await server.admin('/api/reload', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
    });
    expect(response.status).to.equal(422);
    const { error } = (await response.json()) as { readonly error: string };
    expect(error).to.match(
      /hookline\.yaml:2:\d+ {2}server\.webhooks\.workers: cannot be changed while the server runs, which has 1; restart/,
    );
    expect(error).to.match(
      /hookline\.yaml:5:\d+ {2}spool\.path: cannot be changed while the server runs; restart/,
    );
    // The CLI looks for the server beside the spool that the file names.
    const { code, stderr } = await server.cli('reload');
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /answers at .*elsewhere\/admin-token\.sock: none runs, or .*the spool is another/,
    );
    expect(await statusOf(2)).to.equal(400);
    await server.configure(`${one}  2: { destination: local, table: two }\n`);
    await writeFile(
      server.configFile,
      (await import('node:fs'))
        .readFileSync(server.configFile, 'utf8')
        .replace(`port: ${server.webhookPort}`, 'port: 1'),
    );
    server.signal('SIGHUP');
    await eventually(
      'the log says so',
      async () =>
        new RegExp(
          `:2:\\d+ {2}server\\.webhooks\\.port: cannot be changed while the server runs, which has ${server.webhookPort}`,
        ).exec(server.output) ?? undefined,
    );
    expect(await statusOf(2)).to.equal(400);
  });

  it('changes the limits of open connections, and gives nobody a second helping of a limit that it leaves alone', async () => {
    await start(`${one}  2: { destination: local, table: two, limit: { requests: 0.02 } }\n`);
    const statuses = async (times: number) => {
      const all: number[] = [];
      for (let time = 0; time < times; time++) all.push(await statusOf(2));
      return all;
    };
    expect(await statuses(2)).to.deep.equal([200, 429]);
    await server.configure(
      `${one}  2: { destination: local, table: two, limit: { requests: 0.02 }, name: Two }\n`,
      { webhooks: ', maxBody: 1KiB' },
    );
    await reload();
    expect(await statusOf(2)).to.equal(429);
    expect((await server.post(urlOf(1), JSON.stringify('x'.repeat(2000)))).status).to.equal(413);
    await server.configure(`${one}  2: { destination: local, table: two, limit: { requests: 300 } }\n`);
    await reload();
    expect(await statuses(5)).to.deep.equal([200, 200, 200, 200, 200]);
    expect((await server.post(urlOf(1), JSON.stringify('x'.repeat(2000)))).status).to.equal(200);
  });

  it('takes over whose word counts for where a request is from, and how much a client may send', async () => {
    await start(one);
    const from = async (client: string) => {
      const headers = { 'X-Forwarded-For': client };
      return (await fetch(urlOf(1), { method: 'POST', headers, body: '{}' })).status;
    };
    const limited = ', trustedProxies: [loopback], limits: { client: { requests: 0.02 } }';
    await server.configure(one, { webhooks: limited });
    await reload();
    expect([await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.2')]).to.deep.equal([
      200, 429, 200,
    ]);
    await server.configure(`${one}  3: { destination: local, table: three }\n`, { webhooks: limited });
    await reload();
    expect(await from('192.0.2.1'), 'a second helping').to.equal(429);
    await server.configure(one);
    await reload();
    expect(await from('192.0.2.1')).to.equal(200);
  });

  it('takes over another admin token and another token store', async () => {
    await start(one);
    const first = token;
    await writeFile(
      server.configFile,
      (await import('node:fs'))
        .readFileSync(server.configFile, 'utf8')
        .replace(`port: ${server.adminPort} `, `port: ${server.adminPort}, token: a-token-for-the-admin-api `)
        .replace('destinations:', 'tokens: { type: lmdb, path: ./others }\ndestinations:'),
    );
    server.signal('SIGHUP');
    await eventually('it wants the token', async () =>
      (await server.admin('/api/instance')).status === 401 ? true : undefined,
    );
    const { stdout } = await server.cli('reload');
    expect(stdout).to.include('says what was in force already');
    token = await server.token();
    expect((await server.post(first.urls['1'] as string, '"old"')).status).to.equal(200);
    expect((await server.post(token.urls['1'] as string, '"new"')).status).to.equal(200);
    expect((await server.cli('drain')).code).to.equal(0);
    expect(
      (await server.json<{ __kdd_request_body: string }[]>('rows', '1')).map((row) => row.__kdd_request_body),
    ).to.deep.equal(['"new"']);
    expect(await server.stop()).to.equal(0);
  });

  it('ends whole when the load process is killed amid it, several times', async () => {
    const round = (number: number) =>
      `destinations:\n${duckdb('local', `, threads: ${1 + (number % 2)}`)}pipelines:\n  1: { destination: local, table: one, name: Round ${number} }\n`;
    await start(round(0));
    const sender = new Sender(urlOf(1), 4);
    for (let number = 1; number <= sized(3, 5); number++) {
      await server.configure(round(number));
      const load = await eventually(
        'the load process runs',
        async () => (await server.children()).find(({ name }) => name === 'load process')?.pid,
      );
      const reloaded = reload();
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
      process.kill(load, 'SIGKILL');
      await reloaded;
      expect((await server.json<LaneOverview[]>('pipelines'))[0]?.name).to.equal(`Round ${number}`);
    }
    await sender.stop();
    expect((await server.cli('drain')).code).to.equal(0);
    expect(await server.stop()).to.equal(0);
    expect([sender.unanswered, sender.connections]).to.deep.equal([0, 4]);
    expect(compare(sender.acks, await rowsOf('local', 'one'), token.key)).to.deep.equal({
      ...flawless,
      unacked: 0,
    });
  });

  it('comes after the one before it when several are asked for at once', async () => {
    await start(one);
    await server.configure(`${one}  2: { destination: local, table: two }\n`);
    const [first, second, third] = await Promise.all([reload(), reload(), reload()]);
    expect(first.pipelines.added).to.deep.equal(['2']);
    for (const later of [second, third])
      expect(later.pipelines).to.deep.equal({ added: [], changed: [], removed: [] });
    expect(await statusOf(2)).to.equal(200);
  });

  it('waits for the first look at what it changed, and says what that halted', async () => {
    await start(one);
    await writeFile(
      join(server.folder, 'notes.txt'),
      'no database at all, but a text of some length'.repeat(100),
    );
    await server.configure(
      one.replace('destinations:', '$&\n  wrong: { type: duckdb, path: ./notes.txt }') +
        '  2: { destination: wrong, table: two }\n',
    );
    const { code, stdout } = await server.cli('reload');
    expect(code).to.equal(0);
    expect(stdout, stdout).to.match(/^pipeline 2 to wrong is halted: .*notes\.txt.*$/m);
    await server.configure(one);
    expect((await server.cli('reload')).stdout).not.to.include('halted');
  });

  it('is asked of nobody where no server runs', async () => {
    server = await Hookline.create(one);
    const { code, stderr } = await server.cli('reload');
    expect(code).to.equal(1);
    expect(stderr).to.include(`no server with this configuration answers at ${server.adminTokenFile}.sock`);
  });

  it('is not what SIGHUP means when the terminal closes: then the server ends', async () => {
    server = await Hookline.create(one);
    const command = `exec ${process.execPath} ${mainFile} serve --config ${server.configFile}`;
    const terminal = spawn('script', ['--quiet', '--command', command, '/dev/null'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    await eventually('it is ready', async () => (await server.admin('/ready')).ok || undefined);
    const { pid, processes } = (await (await server.admin('/api/instance')).json()) as {
      pid: number;
      processes: { pid: number }[];
    };
    process.kill(pid, 'SIGHUP');
    await eventually('it was reloaded', async () => {
      await server.configure(`${one}  2: { destination: local, table: two }\n`);
      process.kill(pid, 'SIGHUP');
      return (
        (await server.post(`${server.webhookUrl}/?pipeline_id=2`, '1')).answer.error ===
          'MISSING_PARAMETER: key' || undefined
      );
    });
    terminal.kill('SIGKILL');
    await eventually(
      'all have ended',
      async () => [pid, ...processes.map((each) => each.pid)].every((each) => !isAlive(each)) || undefined,
    );
  });
});
