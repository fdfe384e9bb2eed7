import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigProblems, loadConfig, loadServer } from '../../config/load.js';
import { complaints, fakeRegistry, folder, loadText, problemsIn } from './fixture.js';

describe('loadConfig', () => {
  describe('of a sound file', () => {
    it('fills in all of server, the spool and the tokens', async () => {
      const config = await loadText('pipelines: {}');
      expect(config.server).to.deep.equal({
        webhooks: {
          host: '127.0.0.1',
          port: 8080,
          workers: 1,
          maxBody: 10 * 1024 ** 2,
          headerTimeout: 10_000,
          bodyTimeout: 30_000,
          keepAlive: 65_000,
          trustedProxies: [],
          clientHeader: 'x-forwarded-for',
          limits: { unproven: { requests: 1000, bytes: 16 * 1024 ** 2 }, network: 16, connections: 2000 },
          bodies: { total: 128 * 1024 ** 2, client: 32 * 1024 ** 2 },
        },
        admin: { host: '127.0.0.1', port: 8081, tokenFile: `${folder}/data/spool/admin-token` },
        grace: 30_000,
      });
      expect(config.spool).to.include({ name: 'spool' }).and.to.have.nested.property('plugin.name', 'lmdb');
      expect(config.spool.options).to.deep.equal({ path: `${folder}/data/spool` });
      expect(config.tokens.options).to.deep.equal({ path: `${folder}/data/tokens` });
    });

    it('keeps the text as it was read and the absolute path', async () => {
      const text = '\uFEFFpipelines: {}\r\n';
      const config = await loadText(text);
      expect(config).to.include({ text, file: `${folder}/hookline.yaml` });
    });

    it('takes sections whose lines are all commented out', async () => {
      const config = await loadText('server:\n  admin:\nspool:\nplugins:\ndestinations:\npipelines:\n');
      expect(config.pipelines.size).to.equal(0);
      expect(config.server.admin.port).to.equal(8081);
    });

    it('names a pipeline after its table unless it has a name', async () => {
      const config = await loadText(
        'destinations: { w: { type: duckdb, path: x } }\n' +
          'pipelines: { 7: { destination: w, table: orders }, "8": { destination: [w], table: t, name: N, paused: true } }',
      );
      expect([...config.pipelines.values()]).to.deep.equal([
        { id: '7', name: 'orders', destinations: ['w'], table: 'orders', paused: false },
        { id: '8', name: 'N', destinations: ['w'], table: 't', paused: true },
      ]);
    });

    it('puts the YAML over the defaults of the plugin over those of the engine', async () => {
      const config = await loadText(
        'destinations: { w: { type: postgres, url: "postgres:x", flush: { every: 2s }, concurrency: 7 } }',
      );
      const destination = config.destinations.get('w');
      expect(destination?.policy).to.deep.equal({
        flush: { rows: 10_000, bytes: 4 * 1024 ** 2, every: 2000 },
        concurrency: 7,
        haltAfter: 100,
        timeout: 60_000,
      });
      expect(destination?.options).to.deep.equal({ url: 'postgres:x', schema: 'public' });
    });

    it('resolves relative paths against the folder of the file', async () => {
      const config = await loadText('destinations: { d: { type: duckdb, path: ../x.duckdb } }');
      expect(config.destinations.get('d')?.options).to.deep.equal({ path: '/srv/x.duckdb' });
    });

    it('follows anchors, aliases and merge keys, and lets explicit keys win', async () => {
      const config = await loadText(
        'x-usual: &usual { type: postgres, url: "postgres:a", concurrency: 3 }\n' +
          'destinations:\n  a: *usual\n  b:\n    <<: [*usual, { schema: s }]\n    concurrency: 4\n',
      );
      expect(config.destinations.get('a')?.policy.concurrency).to.equal(3);
      expect(config.destinations.get('b')?.policy.concurrency).to.equal(4);
      expect(config.destinations.get('b')?.options).to.deep.equal({ url: 'postgres:a', schema: 's' });
    });

    it("mints the admin token in the spool's folder, beside it where that is none, or where it is told to", async () => {
      const fileOf = async (text: string) =>
        (await loadServer(`${folder}/hookline.yaml`, { text })).server.admin.tokenFile;
      expect(await fileOf('spool: { type: lmdb, path: /var/lib/spool }')).to.equal(
        '/var/lib/spool/admin-token',
      );
      expect(await fileOf('spool: { type: memory }')).to.equal(`${folder}/data/admin-token`);
      expect(await fileOf('server: { admin: { tokenFile: run/token } }')).to.equal(`${folder}/run/token`);
    });

    it('takes the public URL without its slash, and a token for an admin that others can reach', async () => {
      const config = await loadText(
        'server: { webhooks: { publicUrl: "https://a.example/" }, admin: { host: "::", token: sixteen-letters- } }',
      );
      expect(config.server.webhooks.publicUrl).to.equal('https://a.example');
      expect(config.server.admin).to.deep.equal({
        host: '::',
        port: 8081,
        token: 'sixteen-letters-',
        tokenFile: `${folder}/data/spool/admin-token`,
      });
    });
  });

  describe('of a file that cannot be read', () => {
    let temporary: string;
    beforeEach(async () => {
      temporary = await mkdtemp(join(tmpdir(), 'hookline-'));
    });
    afterEach(async () => {
      await rm(temporary, { recursive: true });
    });

    const rendered = async (file: string, bytes?: Uint8Array): Promise<string> => {
      if (bytes !== undefined) await writeFile(file, bytes);
      const error = await loadConfig(file, fakeRegistry()).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(ConfigProblems);
      return (error as ConfigProblems).message.replace(`${temporary}/`, '');
    };

    it('says that there is no such file', async () => {
      expect(await rendered(join(temporary, 'a.yaml'))).to.equal(
        'a.yaml:1:1  the configuration file does not exist; `hookline init` writes one; `--config` names another',
      );
    });

    it('says that a folder is no file', async () => {
      expect(await rendered(temporary)).to.match(/:1:1 {2}the configuration file is a folder/);
    });

    it('says where a file stops being UTF-8', async () => {
      const bytes = Buffer.concat([Buffer.from('a: é\nbc: x'), Buffer.from([0xe9]), Buffer.from('\n')]);
      expect(await rendered(join(temporary, 'a.yaml'), bytes)).to.equal(
        'a.yaml:2:6  the file is not UTF-8; save it as UTF-8',
      );
    });

    it('refuses UTF-16', async () => {
      const bytes = Buffer.from('\uFEFFpipelines: {}', 'utf16le');
      expect(await rendered(join(temporary, 'a.yaml'), bytes)).to.match(/:1:1 {2}the file is not UTF-8/);
    });
  });

  describe('reports all problems in one go', () => {
    it('sorted by position, with one error to throw', async () => {
      const text = 'pipelines: { 1: { destination: w, table: "" } }\nservr: {}\ntokens: { type: lmbd }\n';
      expect(await complaints(text)).to.deep.equal([
        '1:32  pipelines.1.destination: there is no destination `w`; describe it under `destinations`',
        '1:42  pipelines.1.table: must not be empty, expected the name of a table',
        '2:1  servr: unknown key; did you mean `server`?',
        '3:17  tokens.type: no token store is of type `lmbd`; did you mean `lmdb`? known: `lmdb`',
      ]);
    });

    it('with file, line, column, message and hint apart', async () => {
      const [problem] = await problemsIn('conf/h.yaml', fakeRegistry(), { text: '\n  servr: 1' });
      expect(problem).to.deep.equal({
        file: 'conf/h.yaml',
        line: 2,
        column: 3,
        message: 'servr: unknown key',
        hint: 'did you mean `server`?',
      });
    });

    it('counting columns in characters, after CRLF and outside the BMP', async () => {
      const text = '\uFEFFx-é: 1\r\ndestinations: { "😀é": { type: duckdb, path: x } }\r\nservr: 1\r\n';
      expect((await complaints(text)).map((line) => line.split(' ')[0])).to.deep.equal(['2:17', '3:1']);
      expect(await complaints('x-a: "😀", servr')).to.have.lengthOf(1);
      expect((await complaints('{ "x-😀": 1, servr: 1 }'))[0]).to.match(/^1:13 /);
    });
  });
});
