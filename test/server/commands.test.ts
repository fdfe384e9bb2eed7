import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { LmdbTokenStore } from '../../connectors/lmdb/token-store.js';
import { mint } from '../../core/operations/mint.js';
import { eventually, Hookline, hookline } from '../support/hookline.js';

const configuration = `destinations:
  local: { type: duckdb, path: ./warehouse.duckdb, releaseAfter: 200ms, flush: { every: 50ms } }
pipelines:
  1: { name: One, destination: local, table: one }
  2: { name: Two, destination: local, table: two }
`;
type Rows = readonly Record<string, unknown>[];

describe('the commands', function () {
  this.timeout(180_000);
  let server: Hookline;

  beforeEach(async () => {
    server = await Hookline.create(configuration);
  });

  afterEach(() => server.destroy());

  describe('how they are called', () => {
    it('each explain themselves with --help, and exit with 0', async () => {
      const words = ['tokens create', 'tokens list', 'tokens activate', 'tokens deactivate', 'tokens delete'];
      words.push('dead list', 'dead show', 'dead replay', 'dead drop', 'dead export', 'new connector');
      words.push('discards list', 'discards show', 'discards release', 'discards drop', 'schema', 'plugins');
      words.push(
        'serve',
        'check',
        'init',
        'pipelines',
        'send',
        'rows',
        'query',
        'drain',
        'compact',
        'request',
      );
      words.push('reconcile', 'explain', 'reload', 'refused', 'spool accept');
      for (const command of words) {
        const { code, stdout } = await hookline(server.folder, ...command.split(' '), '--help');
        expect(code, command).to.equal(0);
        expect(stdout.startsWith(`Usage: hookline ${command} `), command).to.equal(true);
      }
      const { stdout } = await hookline(server.folder, 'serve', '--help');
      expect(stdout.replace(/\s+/g, ' ')).to.include('separated by commas (default: all)');
    });

    it('print and exit as a process of their own', async () => {
      for (const [code, message, ...args] of [
        [0, /^1\tOne\tlocal\tone\tstopped\t.*\n2\tTwo\t.*\n$/, 'pipelines'],
        [1, /^no server runs/, 'drain'],
        [2, /^error: unknown command 'serv'/, 'serv'],
        [78, /hookline\.yaml:\d+:26 .*pth/, 'pipelines'],
      ] as const) {
        if (code === 78) await server.configure('destinations:\n  local: { type: duckdb, pth: ./x }');
        const { stdout, stderr, ...ended } = await server.spawnCli('', ...args);
        expect([ended.code, code === 0 ? stderr : stdout], args[0]).to.deep.equal([code, '']);
        expect(code === 0 ? stdout : stderr).to.match(message);
      }
    });

    it('exit with 2 when they are called wrongly, and say what is wrong', async () => {
      for (const [args, message] of [
        [['serv'], /unknown command 'serv'/],
        [['serve', '--role', 'boss'], /expected all, or some of ack, load and admin/],
        [['rows'], /missing required argument 'pipeline'/],
        [['rows', '1', '--limit', 'many'], /expected a whole number/],
        [['rows', '99'], /there is no pipeline 99; there are: 1, 2/],
        [['tokens', 'create'], /required option '--description <text>' not specified/],
        [['tokens', 'create', '--description', 'x', '--expires', 'soon'], /expected a date/],
        [['tokens', 'create', '--description', 'x', '--pipelines', '1,3'], /there is no pipeline 3/],
        [['dead', 'drop'], /say which/],
        [['reconcile', '1', '--from', '2026-12-02', '--to', '2026-12-01'], /--from has to be the earlier/],
        [['dead', 'export', '--pipeline', '9'], /there is no pipeline 9; there are: 1, 2/],
        [['dead', 'drop', '--pipeline', '9'], /there is no pipeline 9/],
        [['discards', 'list', '--pipeline', '9'], /there is no pipeline 9/],
        [['discards', 'release', '--pipeline', '9'], /there is no pipeline 9/],
        [['discards', 'release'], /say which/],
        [['new', 'connector', 'My_Warehouse'], /expected up to 50 lower case letters/],
        [['new', 'connector', 'duckdb'], /a built-in destination has that name/],
        [['plugins', 'duckbd'], /there is no plugin duckbd; did you mean duckdb\?/],
      ] as const) {
        const { code, stderr } = await hookline(server.folder, ...args);
        expect(stderr).to.match(message);
        expect(code, args.join(' ')).to.equal(2);
      }
    });

    it('exit with 78 on a broken configuration, and list every problem with file, line and column', async () => {
      await writeFile(
        server.configFile,
        `destinations:
  local: { type: duckdb, pth: ./x }
pipelines:
  1: { destinaton: local, table: one }
  2: { destination: locl, table: two }
`,
      );
      for (const command of [['serve'], ['check'], ['pipelines'], ['tokens', 'list']]) {
        const { code, stderr } = await server.cli(...command);
        expect(code).to.equal(78);
        expect(stderr).to.match(/hookline\.yaml:2:26 .*pth.*path/);
        expect(stderr).to.match(/hookline\.yaml:4:8 .*destinaton.*did you mean `destination`\?/);
        expect(stderr).to.match(/hookline\.yaml:5:21 .*locl.*local/);
        expect(stderr).to.match(/3 problems in the configuration/);
      }
    });

    it('exit with 78 when there is no configuration, and say how to get one', async () => {
      const { code, stderr } = await hookline(tmpdir(), 'serve', '--config', 'nowhere.yaml');
      expect(code).to.equal(78);
      expect(stderr).to.match(/nowhere\.yaml:1:1 .*hookline init/);
    });
  });

  for (const running of [true, false]) {
    describe(running ? 'while the server runs' : 'while no server runs', () => {
      beforeEach(async () => {
        if (running) await server.start();
      });

      /** Lands what was sent: by itself where a server runs, by starting one for a moment where none does. */
      async function land(): Promise<void> {
        if (!running) await server.start();
        const { code, stderr } = await server.cli('drain');
        expect([code, stderr]).to.deep.equal([0, '']);
        if (!running) await server.stop();
      }

      it('send and rows: a webhook is sent, and seen', async () => {
        const sent = await server.cliWith('{"sent": 1}', 'send', '1');
        expect(sent.code).to.equal(0);
        const id = /accepted as ([a-z]{20})/.exec(sent.stdout)?.[1];
        await writeFile(join(server.folder, 'second.json'), '{"sent":  2}');
        const second = await server.cli('send', '1', 'second.json');
        expect(second.code).to.equal(0);
        await land();
        const rows = await server.json<Rows>('rows', '1', '--limit', '5');
        expect(rows.map((row) => row['__kdd_request_body'])).to.deep.equal(['{"sent":  2}', '{"sent": 1}']);
        expect(rows[1]?.['__kdd_request_id']).to.equal(id);
        const left = await server.json<Rows>('tokens', 'list');
        expect(left, 'the tokens of what was judged').to.have.length(running ? 0 : 2);
        expect(Object.keys(rows[0] ?? {})).to.deep.equal([
          '__kdd_request_id',
          '__kdd_request_unix_timestamp',
          '__kdd_requester_key',
          '__kdd_request_body',
        ]);
      });

      it('send tells why something is refused, and exits with 1', async () => {
        const { code, stderr } = await server.cliWith('not JSON', 'send', '1');
        expect([code, stderr.includes('INVALID_PARAMETER: body')]).to.deep.equal([1, true]);
        expect(await server.json<Rows>('tokens', 'list')).to.deep.equal([]);
      });

      it('send posts the bytes of standard input as they are, also those that are no UTF-8', async () => {
        const { code, stderr } = await server.cliWith(Buffer.from([0x22, 0xff, 0x22]), 'send', '1');
        expect([code, stderr.includes('INVALID_PARAMETER: body')], stderr).to.deep.equal([1, true]);
      });

      it('rows of a pipeline that has none are none', async () => {
        expect(await server.json<Rows>('rows', '2')).to.deep.equal([]);
      });

      it('query: reads with SQL, and refuses to write', async () => {
        await server.cliWith('{"n": 41}', 'send', '1');
        await land();
        const rows = await server.json<Rows>(
          'query',
          "select (__kdd_request_body->>'n')::int + 1 as n from one",
        );
        expect(rows).to.deep.equal([{ n: 42 }]);
        for (const sql of [
          'drop table one',
          "insert into one values ('a', 1, 'b', 'c')",
          'select 1; drop table one',
        ]) {
          const { code, stderr } = await server.cli('query', sql);
          expect(code, sql).to.equal(1);
          expect(stderr).to.match(/read-only/);
        }
        expect(await server.json<Rows>('rows', '1')).to.have.length(1);
        const broken = await server.cli('query', 'select nonsense from one');
        expect(broken.code).to.equal(1);
        expect(broken.stderr).to.match(/nonsense/);
      });

      it('tokens: created, listed, deactivated and activated', async () => {
        const { key, token, urls } = await server.token('--pipelines', '1', '--expires', '90d');
        expect(key).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
        expect(token).to.match(/^[0-9A-Za-z]{64}$/);
        expect(urls).to.deep.equal({ 1: `${server.webhookUrl}/?pipeline_id=1&key=${key}&token=${token}` });
        const state = async () =>
          (await server.json<Rows>('tokens', 'list')).find((one) => one['key'] === key);
        expect(await state()).to.include({ state: 'active', description: 'test', lastUsedAt: null });
        expect((await server.cli('tokens', 'deactivate', key)).code).to.equal(0);
        expect(await state()).to.include({ state: 'deactivated' });
        expect((await server.cli('tokens', 'activate', key.toUpperCase())).code).to.equal(0);
        expect(await state()).to.include({ state: 'active' });
        for (const verb of ['deactivate', 'delete']) {
          const { code, stderr } = await server.cli('tokens', verb, '00000000-0000-4000-8000-000000000000');
          expect([code, stderr], verb).to.satisfy(
            ([exit, text]: [number, string]) =>
              exit === 1 && /there is no token with the key 0{8}-/.test(text),
          );
        }
        expect((await server.cli('tokens', 'list')).stdout).not.to.include(token);
        const deleted = await server.cli('tokens', 'delete', key.toUpperCase());
        expect([deleted.code, deleted.stdout.split(';')[0]]).to.deep.equal([0, `${key} is deleted`]);
        expect(await state()).to.equal(undefined);
        expect((await server.cli('tokens', 'delete', key)).code).to.equal(1);
      });

      it('pipelines: URL, destination, state, what waits', async () => {
        await server.cliWith('1', 'send', '1');
        await land();
        const [lane] = await server.json<Rows>('pipelines');
        expect(lane).to.deep.include({
          pipeline: '1',
          name: 'One',
          destination: 'local',
          table: 'one',
          url: `${server.webhookUrl}/?pipeline_id=1`,
          state: running ? 'running' : 'stopped',
          records: 0,
          bytes: 0,
          lag: 0,
          deadLetters: 0,
          discards: 0,
        });
        const plain = await server.cli('pipelines');
        expect(plain.stdout.split('\n')[0]?.split('\t').slice(0, 5)).to.deep.equal([
          '1',
          'One',
          'local',
          'one',
          running ? 'running' : 'stopped',
        ]);
      });

      it('discards: what failed authentication, and why', async () => {
        const args = ['--key', 'd538b946-9d55-405a-9bd2-72d74b1cb8f5', '--token', 'unknown'];
        const sent = await server.cliWith('1', 'send', '1', ...args);
        const id = /accepted as ([a-z]{20})/.exec(sent.stdout)?.[1];
        await land();
        const discards = await server.json<Rows>('discards', 'list');
        expect(discards).to.have.length(1);
        expect(discards[0]).to.include({
          requestId: id,
          pipeline: '1',
          destination: 'local',
          key: 'd538b946-9d55-405a-9bd2-72d74b1cb8f5',
          reason: 'unknown key',
        });
        expect((await server.json<Rows>('pipelines'))[0]).to.include({ discards: 1 });
        const [trace] = await server.json<Rows>('request', String(id));
        expect(trace).to.include({ state: 'discarded', pipeline: '1', reason: 'unknown key' });
        expect((await server.cli('request', String(id))).stdout).to.match(
          /^1\/local: accepted \S+Z under key d538b946\S+; failed authentication: unknown key; its body was not kept/,
        );
      });

      it('check: proves that everything could be written to', async () => {
        const { code, stdout } = await server.cli('check');
        expect(stdout).to.match(/destination local/);
        expect(stdout).not.to.match(/FAIL/);
        expect(code).to.equal(0);
      });
    });
  }

  it('send removes its token also when it is interrupted, and those that it once had to leave', async () => {
    await server.cliWith('1', 'send', '1');
    const store = new LmdbTokenStore({ path: join(server.folder, 'data/tokens') });
    await store.open();
    await store.create(mint({ description: 'hookline send', expiresAt: new Date(Date.now() - 1) }).stored);
    await store.close();
    const asked = createServer().listen(server.webhookPort, '127.0.0.1');
    await once(asked, 'listening');
    const main = new URL('../../server/main.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [main, 'send', '1', '--config', server.configFile]);
    child.stdin.end('{}');
    const [socket] = await once(asked, 'connection');
    const keys = async () => (await server.json<Rows>('tokens', 'list')).map(({ key }) => key);
    expect(await keys(), 'what waits in the spool keeps its token').to.have.length(2);
    child.kill('SIGINT');
    const [[code], said] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
    expect([code, said]).to.deep.equal([1, 'interrupted\n']);
    expect(await keys()).to.have.length(1);
    socket.destroy();
    asked.close();
  });

  it('check works while the server holds the file of a DuckDB destination', async () => {
    await server.configure(configuration.replace('releaseAfter: 200ms', 'releaseAfter: 60s'));
    await server.start();
    await server.cliWith('1', 'send', '1');
    await server.cli('drain');
    const { code, stdout } = await server.cli('check');
    expect([code, stdout.includes('FAIL')], stdout).to.deep.equal([0, false]);
  });

  it('check leaves the file of a DuckDB destination to the server, and says what that one cannot use', async () => {
    await server.start();
    await server.cliWith('1', 'send', '1');
    await server.cli('drain');
    await sleep(1000);
    await server.configure(
      configuration
        .replace('releaseAfter: 200ms', 'releaseAfter: 60s')
        .replace(/^destinations:$/m, '$&\n  other: { type: duckdb, path: ./other.duckdb }'),
    );
    const { code, stdout } = await server.cli('check');
    expect(code).to.equal(0);
    expect(stdout).to.match(/^ok {4}destination local$/m);
    expect(stdout).to.match(
      /^ok {4}destination other: well from here, but the server that runs cannot use it: .*other.*; it has the/m,
    );
  });

  it('check says once which destination is at fault, and what to do', async () => {
    await server.configure(
      configuration.replace(
        /^destinations:$/m,
        "$&\n  away: { type: mysql, url: 'mysql://me@127.0.0.1:9/base' }",
      ),
    );
    const { code, stdout } = await server.cli('check');
    expect(stdout).to.match(
      /^FAIL {2}destination away: checking: .*\(ECONNREFUSED\); is the server running/m,
    );
    expect(code).to.equal(1);
  });

  describe('a plugin that is not finished', () => {
    const plugins = new URL('../support/unfinished-plugins.js', import.meta.url).pathname;
    const others = ['lame', 'hasty', 'shut'];
    const unfinished = configuration.replace(
      /^destinations:$/m,
      `plugins: [ ${JSON.stringify(plugins)} ]\n$&\n${others.map((name) => `  ${name}: { type: ${name} }\n`).join('')}`,
    );

    it('halts the lanes of its own destination, and no other', async () => {
      await server.configure(
        `${unfinished}${others.map((name, n) => `  ${n + 3}: { destination: ${name}, table: more }\n`).join('')}`,
      );
      await server.start();
      await server.cliWith('1', 'send', '1');
      await eventually(
        'the row',
        async () => (await server.json<Rows>('rows', '1')).length === 1 || undefined,
      );
      const lanes = await server.json<Rows>('pipelines');
      const states = lanes.map(({ destination, state, lastError }) => [destination, state, lastError ?? '']);
      expect(states.slice(2)).to.deep.equal([
        [
          'lame',
          'halted',
          'lame: what the plugin lame creates is no destination, as it lacks close; see connectors/WRITING.md',
        ],
        ['hasty', 'halted', 'hasty: its plugin does not make it: there is no socket'],
        ['shut', 'halted', 'shut: the door is locked: bring the key'],
      ]);
      expect(states.slice(0, 2).flat()).to.not.include('halted');
    });

    it('is told by check beside the others, with what is wrong, and refused by reload', async () => {
      await server.start();
      await server.configure(unfinished);
      const { code, stdout } = await server.cli('check');
      expect(stdout).to.match(/^ok {4}destination local$/m);
      expect(stdout).to.match(/^FAIL {2}destination lame: what the plugin lame creates is no destination/m);
      expect(stdout).to.match(
        /^FAIL {2}destination hasty: its plugin does not make it: there is no socket$/m,
      );
      expect(stdout).to.match(/^FAIL {2}destination shut: the door is locked: bring the key$/m);
      expect(code).to.equal(78);
      const reload = await server.cli('reload');
      expect(reload.code, `${reload.stdout}${reload.stderr}`).to.equal(78);
      expect(reload.stderr).to.match(/lame: what the plugin lame creates is no destination/);
    });
  });

  it('check says of a fault of the set-up that only the server sees that it is one', async () => {
    await server.configure(configuration.replace('releaseAfter: 200ms', 'releaseAfter: 60s'));
    await server.start();
    await server.cliWith('1', 'send', '1');
    await server.cli('drain');
    await server.configure(
      configuration
        .replace('releaseAfter: 200ms', 'releaseAfter: 60s')
        .replace('type: duckdb,', 'type: duckdb, ledger: batches,')
        .replace('table: two', 'table: __hookline_batches'),
    );
    const { code, stdout } = await server.cli('check');
    expect(stdout).to.match(
      /^FAIL {2}destination local: the server that runs cannot use it: .*__hookline_batches/m,
    );
    expect(stdout).to.include('it has the configuration that was last reloaded');
    expect(code).to.equal(78);
  });

  it('check beside a server that loads nothing says nothing of that one', async () => {
    await server.start('--role', 'ack,admin');
    const { code, stdout } = await server.cli('check');
    expect(stdout).to.match(/^ok {4}destination local$/m);
    expect(code).to.equal(0);
  });

  it('drain says that nothing lands while no server runs', async () => {
    const { code, stderr } = await server.cli('drain');
    expect([code, stderr.includes('no server runs')]).to.deep.equal([1, true]);
  });

  it('drain does not wait for a lane that is paused', async () => {
    await server.configure(configuration.replace('table: one }', 'table: one, paused: true }'));
    await server.start();
    await server.cliWith('1', 'send', '1');
    const { code, stderr } = await server.cli('drain');
    expect([code, /^1 record waits in lanes .*1\/local is paused/.test(stderr)]).to.deep.equal([1, true]);
  });

  it('dead letters are listed, shown, replayed and dropped', async () => {
    await server.configure(`destinations:
  local: { type: duckdb, path: ./warehouse.duckdb }
  picky: { type: picky, flush: { every: 50ms } }
plugins: [ ${JSON.stringify(new URL('../support/picky-plugin.js', import.meta.url).pathname)} ]
pipelines:
  1: { destination: picky, table: one }
`);
    await server.start();
    await server.cliWith('{"bad": 1}', 'send', '1');
    await server.cliWith('{"bad": 2}', 'send', '1');
    await server.cliWith('{"good": 3}', 'send', '1');
    await server.cli('drain');
    const dead = await server.json<Rows>('dead', 'list');
    expect(dead).to.have.length(2);
    expect(dead[0]).to.include({
      pipeline: '1',
      destination: 'picky',
      reason: 'picky: this destination refuses what is bad',
    });
    expect((await server.json<Rows>('rows', '1')).map((row) => row['__kdd_request_body'])).to.deep.equal([
      '{"good": 3}',
    ]);
    const [first, second] = dead.map((letter) => String(letter['requestId']));
    const shown = await server.json<Rows>('dead', 'show', String(first));
    expect(shown[0]).to.include({ requestId: first, __kdd_request_body: '{"bad": 1}' });
    const reason = String(dead[0]?.['reason']);
    const part = reason.slice(2, 12).toUpperCase();
    expect(await server.json<Rows>('dead', 'list', '--reason', part)).to.have.length.greaterThan(0);
    expect(await server.json<Rows>('dead', 'list', '--reason', 'no such reason')).to.deep.equal([]);
    const lines = (await server.cli('dead', 'export')).stdout.trimEnd().split('\n');
    const exported = lines.map((line) => JSON.parse(line) as Rows[number]);
    expect(exported.map((letter) => letter['requestId'])).to.deep.equal([first, second]);
    expect(exported[0]).to.deep.equal(shown[0]);
    const none = await server.cli('dead', 'export', '--destination', 'local');
    expect([none.code, none.stdout]).to.deep.equal([0, '']);
    expect((await server.cli('dead', 'drop', String(first))).stdout).to.equal('1 dead letter dropped\n');
    expect((await server.cli('dead', 'drop', String(first))).code).to.equal(1);

    const metrics = await (await server.admin('/metrics')).text();
    expect(metrics).to.match(/^hookline_lane_dead_letters\{pipeline="1",destination="picky"\} 1$/m);
    expect(metrics).to.match(/^hookline_load_failures_total\{pipeline="1",destination="picky"\} \d+$/m);
    const [trace] = await server.json<Rows>('request', String(second));
    expect(trace).to.include({ state: 'dead', pipeline: '1', destination: 'picky', reason });
    expect((await server.cli('request', String(second))).stdout).to.match(
      /^1\/picky: accepted \S+Z under key \S+, 10 bytes; dead since \S+Z: \S/,
    );
    expect((await server.cli('dead', 'replay', '--reason', 'no such reason')).stdout).to.equal(
      '0 dead letters replayed\n',
    );
    expect((await server.cli('dead', 'replay', '--pipeline', '1', '--reason', part)).stdout).to.equal(
      '1 dead letter replayed\n',
    );
    await server.cli('drain');
    expect(await server.json<Rows>('dead', 'list'), 'it was refused again').to.have.length(1);
    await writeFile(join(server.folder, 'forgiving'), '');
    expect((await server.cli('dead', 'replay', '--all')).stdout).to.equal('1 dead letter replayed\n');
    await server.cli('drain');
    expect((await server.json<Rows>('rows', '1')).map((row) => row['__kdd_request_id'])).to.include(second);
    expect(await server.json<Rows>('dead', 'list')).to.deep.equal([]);
  });

  describe('schema and plugins', () => {
    const picky = new URL('../support/picky-plugin.js', import.meta.url).pathname;

    it('know the plugins of a configuration, whatever else is wrong with it', async () => {
      await writeFile(
        server.configFile,
        `plugins: [ ${JSON.stringify(picky)} ]\ndestinations: { d: { type: picky, url: "\${NOT_SET}" } }\n`,
      );
      const listed = await server.json<Rows>('plugins');
      expect(listed.map(({ kind, name }) => `${kind} ${name}`)).to.deep.equal([
        'destination bigquery',
        'destination clickhouse',
        'destination duckdb',
        'destination memory',
        'destination mysql',
        'destination parquet',
        'destination picky',
        'destination postgres',
        'destination snowflake',
        'token-store lmdb',
        'token-store postgres',
        'token-store static',
        'spool lmdb',
      ]);
      expect(listed.find(({ name }) => name === 'picky')).to.include({ origin: picky });
      expect(listed[0]).to.include({ origin: 'built in' });
      expect(
        listed.filter(({ origin, description }) => origin === 'built in' && description === ''),
      ).to.deep.equal([]);
      const { stdout } = await server.cli('schema');
      expect(JSON.parse(stdout).definitions).to.include.keys('destination.picky', 'spool.lmdb');
    });

    it('need no configuration, but one that is named must be there', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'hookline-plugins-'));
      try {
        for (const command of ['schema', 'plugins']) {
          expect((await hookline(folder, command)).code, command).to.equal(0);
          expect((await hookline(folder, command, '--config', 'nowhere.yaml')).code, command).to.equal(78);
        }
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    it('end quietly when their reader has seen enough', async () => {
      const main = new URL('../../server/main.js', import.meta.url).pathname;
      const child = spawn(process.execPath, [main, 'plugins', 'postgres']);
      child.stdout.destroy();
      const [error, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
      expect([error, code]).to.deep.equal(['', 0]);
    });

    it('plugins NAME prints every option: type, default, meaning, required, secret', async () => {
      const { code, stdout } = await server.cli('plugins', 'postgres');
      expect(code).to.equal(0);
      const lines = stdout.split('\n');
      expect(lines).to.include("password\ttext, secret\t\tThe user's password");
      expect(lines).to.include('connections\twhole number from 1 to 100\t4\tThe most connections at once');
      expect(lines).to.include('flush.bytes\tsize\t16MiB\tA batch is written when it has so many bytes');
      expect(stdout).to.match(/^token store postgres, built in$/m);
      expect((await server.cli('plugins', 'duckdb')).stdout).to.match(/^path\tpath\trequired\t/m);
      const [item = {}] = await server.json<Rows>('plugins', 'static');
      expect((item['options'] as Rows)[1]).to.deep.equal({
        name: 'tokens[].key',
        type: 'text',
        required: true,
        secret: false,
        meaning: "The token's key, a UUID",
      });
    });
  });

  it('init writes a configuration that works as it is, and never overwrites one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hookline-init-'));
    try {
      expect((await hookline(folder, 'init')).code).to.equal(0);
      const written = await readFile(join(folder, 'hookline.yaml'), 'utf8');
      expect((await hookline(folder, 'check')).code).to.equal(0);
      const [, schema = ''] = /^# yaml-language-server: \$schema=(.*)\n/.exec(written) ?? [];
      const { stdout } = await hookline(folder, 'schema');
      expect(await readFile(join(folder, schema), 'utf8')).to.equal(stdout);
      const again = await hookline(folder, 'init');
      expect([again.code, again.stderr.includes('left as it is')]).to.deep.equal([1, true]);
      expect(await readFile(join(folder, 'hookline.yaml'), 'utf8')).to.equal(written);
      expect((await hookline(folder, 'init', 'etc/own/hooks.yaml')).code, 'in a new folder').to.equal(0);
      expect((await hookline(folder, 'check', '--config', 'etc/own/hooks.yaml')).code).to.equal(0);
      const impossible = await hookline(folder, 'init', 'hookline.yaml/x.yaml');
      expect([impossible.code, impossible.stderr]).to.satisfy(
        ([code, stderr]: [number, string]) =>
          code === 1 && /^hookline.yaml\/x.yaml cannot be written: [^\n]*\n$/.test(stderr),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('new connector writes a package of that name, where nothing is yet', async () => {
    const made = await hookline(server.folder, 'new', 'connector', 'acme', '--hookline', 'file:../h.tgz');
    expect([made.code, made.stderr]).to.deep.equal([0, '']);
    const read = (file: string) => readFile(join(server.folder, 'acme', file), 'utf8');
    expect(await read('package.json')).to.include('"hookline": "file:../h.tgz"');
    expect(await read('src/index.ts')).to.include("name: 'acme'");
    await writeFile(join(server.folder, 'acme/README.md'), 'mine');
    for (const args of [['acme'], ['other', '--dir', 'acme'], ['other', '--dir', 'hookline.yaml']]) {
      const { code, stderr } = await hookline(server.folder, 'new', 'connector', ...args);
      expect([code, /is there already/.test(stderr)]).to.deep.equal([1, true]);
    }
    expect(await read('README.md')).to.equal('mine');
  });

  it('a deactivated token lands nothing any more, five seconds later at the latest', async () => {
    const { key, urls } = await server.token();
    await server.start();
    const url = urls['1'] as string;
    await server.post(url, '"before"');
    await server.cli('drain');
    await server.cli('tokens', 'deactivate', key);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect((await server.post(url, '"after"')).status).to.equal(200);
    await eventually('it is discarded', async () => {
      const [entry] = await server.json<Rows>('discards', 'list');
      return entry?.['reason'] === 'deactivated token' || undefined;
    });
    expect((await server.json<Rows>('rows', '1')).map((row) => row['__kdd_request_body'])).to.deep.equal([
      '"before"',
    ]);
  });
});
