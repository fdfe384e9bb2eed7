import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { request as ask } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually, Hookline } from '../support/hookline.js';

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

describe('the admin listener', function () {
  this.timeout(60_000);
  let server: Hookline;
  const sections = `destinations:
  local: { type: duckdb, path: ./data/warehouse.duckdb, flush: { every: 50ms } }
  lake: { type: parquet, path: ./data/lake, flush: { every: 50ms } }
pipelines:
  1: { destination: [local, lake], table: one }
`;

  const say = (
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
  ): Promise<Told> =>
    new Promise((resolve, reject) => {
      const request = ask(`${server.adminUrl}${path}`, { method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      });
      request.on('error', reject).end(body);
    });
  let json: Record<string, string>;
  const select = (sql: string, destination = 'local') => JSON.stringify({ destination, sql });

  describe('without a configured token', () => {
    let bearer: Record<string, string>;
    before(async () => {
      server = await Hookline.create(sections);
      const { urls } = await server.token();
      await server.start();
      bearer = { Authorization: `Bearer ${(await readFile(server.adminTokenFile, 'utf8')).trim()}` };
      json = { 'Content-Type': 'application/json', ...bearer };
      await server.post(urls['1'] as string, '{"a":1}');
      await server.cli('drain');
    });
    after(() => server.destroy());

    it('serves probes and metrics to anyone on this machine, and all the rest to who may read the token', async () => {
      for (const path of ['/live', '/ready', '/metrics']) {
        expect((await say('GET', path)).status, path).to.equal(200);
      }
      const others = ['/api/instance', '/api/pipelines', '/api/pipelines/1/rows', '/', '/metrics/', '/LIVE'];
      for (const path of others) {
        const told = await say('GET', path);
        expect([told.status, told.headers['www-authenticate']], path).to.deep.equal([401, 'Bearer']);
      }
      const type = { 'Content-Type': 'application/json' };
      expect((await say('POST', '/api/query', type, select('SELECT * FROM one'))).status).to.equal(401);
      expect((await say('GET', '/api/pipelines/1/rows', bearer)).body).to.include('{\\"a\\":1}');
      expect((await stat(server.adminTokenFile)).mode & 0o777).to.equal(0o600);
      expect((await stat(`${server.adminTokenFile}.sock`)).mode & 0o777).to.equal(0o600);
    });

    it('tells nothing to who listens on its port when no server runs, and finds none', async () => {
      await server.killAll();
      let heard = 0;
      const decoy = createServer((socket) => {
        heard++;
        socket.destroy();
      });
      await new Promise<void>((resolve) => decoy.listen(server.adminPort, '127.0.0.1', resolve));
      try {
        expect((await server.cli('drain')).stderr).to.include('no server runs');
        expect((await server.cli('reload')).stderr).to.include('no server with this configuration');
      } finally {
        await new Promise((resolve) => decoy.close(resolve));
      }
      expect(heard).to.equal(0);
      // The token outlives a killed server, and the socket that it left behind keeps nobody out.
      await server.start();
      expect((await say('GET', '/api/instance', bearer)).status).to.equal(200);
      await eventually(
        'the CLI is answered by the server',
        async () =>
          (await server.json<{ state: string }[]>('pipelines'))[0]?.state === 'running' || undefined,
      );
    });

    it('serves whoever names this machine, with any port', async () => {
      const port = server.adminPort;
      for (const host of [
        `127.0.0.1:${port}`,
        'LOCALHOST',
        `localhost:${port}`,
        `[::1]:${port}`,
        '127.0.0.2',
      ]) {
        expect((await say('GET', '/api/instance', { ...bearer, Host: host })).status, host).to.equal(200);
      }
    });

    it('serves no other name: not a page whose name someone points at this machine', async () => {
      const hosts = [
        'evil.example',
        `evil.example:${server.adminPort}`,
        '127.0.0.1.evil.example',
        'localhost.evil.example',
        '127.0.0.1@evil.example',
        '192.0.2.1',
        '[2001:db8::1]',
        '[::1',
        '[::1].evil.example',
      ];
      for (const host of hosts) {
        const { status, body } = await say('GET', '/metrics', { ...bearer, Host: host });
        expect([status, body], host).to.deep.equal([403, '{"error":"this host name is not served"}']);
      }
    });

    it('serves no page of another site, whatever it sends, and says nothing that would let it read', async () => {
      const other: Record<string, string>[] = [
        { Origin: 'https://evil.example' },
        { Origin: 'null' },
        { Origin: `http://127.0.0.1:${server.webhookPort}` },
        { 'Sec-Fetch-Site': 'cross-site' },
        { 'Sec-Fetch-Site': 'same-site' },
      ];
      for (const headers of other) {
        for (const [method, path] of [
          ['GET', '/metrics'],
          ['POST', '/api/query'],
          ['OPTIONS', '/api/query'],
        ] as const) {
          const told = await say(
            method,
            path,
            { ...json, ...headers },
            method === 'POST' ? select('SELECT 1') : undefined,
          );
          expect(told.status, JSON.stringify([method, headers])).to.equal(403);
          expect(Object.keys(told.headers).filter((name) => name.startsWith('access-control'))).to.deep.equal(
            [],
          );
        }
      }
      const own = { ...json, Origin: server.adminUrl, 'Sec-Fetch-Site': 'same-origin' };
      expect((await say('POST', '/api/query', own, select('SELECT 1'))).status).to.equal(200);
    });

    it('takes no body that a form could send', async () => {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        'text/plain; application/json',
        '',
      ]) {
        const told = await say('POST', '/api/query', { 'Content-Type': type }, select('SELECT 1'));
        expect(told.status, type).to.equal(415);
      }
    });

    it('answers SQL that only reads what is in the warehouse, and no other', async () => {
      const query = (sql: string, destination: string) =>
        say('POST', '/api/query', json, select(sql, destination));
      const secret = join(server.folder, 'secret.txt');
      await writeFile(secret, 's3cret content');
      for (const destination of ['local', 'lake']) {
        expect((await query('SELECT count(*) FROM one', destination)).body).to.include('1');
        const attacks = [
          `SELECT * FROM read_text('${secret}')`,
          `SELECT * FROM read_blob('${secret}')`,
          `SELECT * FROM read_csv('${secret}')`,
          `SELECT * FROM '${secret}'`,
          `SELECT * FROM glob('${server.folder}/*')`,
          `SELECT * FROM query('FROM read_text(''${secret}'')')`,
          `SELECT * FROM read_text('${server.folder}/data/lake/../../secret.txt')`,
          "SELECT * FROM read_text('file://localhost/etc/passwd')",
          "SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')",
          "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
          "SELECT getenv('HOME')",
          `COPY one TO '${server.folder}/stolen.csv'`,
          `COPY (SELECT 1) TO '${server.folder}/data/lake/stolen.parquet'`,
          `EXPLAIN ANALYZE COPY (SELECT 1) TO '${server.folder}/data/lake/stolen.parquet'`,
          `EXPORT DATABASE '${server.folder}/stolen'`,
          `ATTACH '${server.folder}/stolen.duckdb'`,
          `ATTACH ':memory:' AS other`,
          'INSTALL httpfs',
          'LOAD httpfs',
          'SET enable_external_access = true',
          'RESET lock_configuration',
          "SET GLOBAL temp_directory = '/tmp'",
          'PRAGMA enable_external_access = true',
          "PRAGMA profiling_output = '/tmp/stolen'",
          'CALL pragma_version()',
          'CHECKPOINT',
          'VACUUM',
          'SELECT 1; DROP TABLE one',
          'DROP TABLE one; SELECT 1',
          'INSERT INTO one SELECT * FROM one',
          'WITH x AS (SELECT 1) INSERT INTO one SELECT * FROM one',
          'EXPLAIN ANALYZE INSERT INTO one SELECT * FROM one',
          'DELETE FROM one RETURNING *',
          'CREATE TEMP TABLE t AS SELECT 1',
          'CREATE SECRET s (TYPE s3, KEY_ID 1)',
          'PREPARE p AS SELECT 1',
          'BEGIN',
          'SELECT $1',
          '',
        ];
        for (const sql of attacks) {
          const { status, body } = await query(sql, destination);
          expect(status, `${destination}: ${sql}: ${body}`).to.be.within(400, 502);
          expect(body, sql).not.to.include('s3cret');
          expect(body, sql).not.to.include('root:');
        }
        expect((await query('SELECT count(*) AS n FROM one', destination)).body).to.match(/\[\[(1|"1")\]\]/);
      }
      const files = await readdir(server.folder, { recursive: true });
      expect(files.filter((name) => name.includes('stolen'))).to.deep.equal([]);
    });
  });

  describe('with a token', () => {
    const token = 'an-admin-token-of-some-length';
    const bearer = { Authorization: `Bearer ${token}` };
    before(async () => {
      server = await Hookline.create(sections);
      const text = await readFile(server.configFile, 'utf8');
      await writeFile(server.configFile, text.replace(/(admin: \{[^}]*)\}/, `$1, token: ${token} }`));
      await server.start();
    });
    after(async () => {
      await server.stop();
      await server.destroy();
    });

    it('serves the probes to anyone, and all the rest to who has it, under any host name', async () => {
      expect((await say('GET', '/live', { Host: 'hooks.example' })).status).to.equal(200);
      for (const path of ['/metrics', '/api/instance', '/api/pipelines', '/']) {
        const told = await say('GET', path);
        expect([told.status, told.headers['www-authenticate']], path).to.deep.equal([401, 'Bearer']);
      }
      expect((await say('GET', '/metrics', { ...bearer, Host: 'hooks.example' })).status).to.equal(200);
      expect((await server.cli('pipelines')).code).to.equal(0);
    });

    it('serves no page of another site and takes no form with the token either', async () => {
      const site = { ...bearer, 'Sec-Fetch-Site': 'cross-site' };
      expect((await say('GET', '/metrics', site)).status).to.equal(403);
      const form = { ...bearer, 'Content-Type': 'text/plain' };
      expect((await say('POST', '/api/query', form, select('SELECT 1'))).status).to.equal(415);
    });

    it('lets nobody try many tokens, and takes a right one all the same', async () => {
      const tries = await Promise.all(
        Array.from({ length: 40 }, (_, n) => say('GET', '/metrics', { Authorization: `Bearer wrong${n}` })),
      );
      const refused = tries.filter(({ status }) => status === 429);
      // The fewer, the longer they take: it refills meanwhile.
      expect(refused.length).to.be.within(1, 35);
      expect(tries.filter(({ status }) => status === 401)).to.have.length(40 - refused.length);
      expect(refused[0]?.headers['retry-after']).to.equal('1');
      expect((await say('GET', '/metrics', bearer)).status).to.equal(200);
    });
  });
});
