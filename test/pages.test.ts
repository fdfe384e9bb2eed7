import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { builtins } from '../connectors/index.js';
import type { ChartRow } from '../core/contract/chart.js';
import { Registry } from '../core/host/registry.js';
import { eventually, Hookline, hookline } from './support/hookline.js';
import { root } from './support/npm.js';
import { anchorOf, blocksOf, pageOf, pages, writeConnector } from './support/pages.js';
import { startPostgres, type TestPostgres } from './support/postgres.js';

const whole = pages.map(({ text }) => text).join('\n');
const run = promisify(execFile);
/** The pages whose queries are of DuckDB. */
const queried = pageOf('README.md') + pageOf('connectors/duckdb/README.md');
const wholeFile = /^pipelines:/m;

/** The cells of every table row, without the backquotes. */
function tableRows(page: string): string[][] {
  return [...pageOf(page).matchAll(/^\| (.*) \|$/gm)].map(([, row]) =>
    (row as string).split('|').map((cell) => cell.trim().replaceAll('`', '')),
  );
}

async function landed(server: Hookline, count: number): Promise<readonly ChartRow[]> {
  return await eventually(`${count} rows`, async () => {
    const rows = await server.json<ChartRow[]>('rows', '835212');
    return rows.length >= count ? rows : undefined;
  });
}

describe('the pages: their configurations', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-readme-'));
    await mkdir(join(folder, 'secrets'));
    await writeFile(join(folder, 'secrets/shop.sha256'), `${'0a'.repeat(32)}\n`);
    await writeConnector(folder);
  });

  after(() => rm(folder, { recursive: true, force: true }));

  async function load(text: string): Promise<Config> {
    const named = [...text.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name]) => [name, 'whsec_c2VjcmV0']);
    const env = {
      ...Object.fromEntries(named),
      DATABASE_URL: 'postgres://hookline:secret@localhost/warehouse',
    };
    return await loadConfig(join(folder, 'hookline.yaml'), new Registry(builtins), { text, env });
  }

  it('the README is a front door of at most 10 KB', () => {
    expect(Buffer.byteLength(pageOf('README.md'))).to.be.at.most(10_000);
  });

  it('every YAML block loads, those that are a section beside what they lack', async () => {
    for (const text of blocksOf(whole, 'yaml')) {
      const own = /^destinations:\n +(\w+):/m.exec(text)?.[1];
      const rest =
        (own === undefined ? 'destinations: { out: { type: memory } }\n' : '') +
        `pipelines: { 1: { destination: ${own ?? 'out'}, table: t } }\n`;
      const warehouse = 'destinations: { warehouse: { type: memory } }\n';
      const complete = /^destinations:/m.test(text) ? text : text + warehouse;
      const config = await load(wholeFile.test(text) ? complete : text + rest);
      expect(config.pipelines.size, text).to.be.greaterThan(0);
    }
  });

  it('the first one is config/example.yaml', () => {
    expect(blocksOf(pageOf('README.md'), 'yaml')[0]).to.equal(
      readFileSync(join(root, 'config/example.yaml'), 'utf8'),
    );
  });

  it('the reference names every server option and its true default', async () => {
    const named = tableRows('config/README.md').filter(([option]) =>
      /^(server|spool|tokens)\./.test(option ?? ''),
    );
    const under = (path: string) =>
      named
        .filter(([option = '', value]) => option.replace(/\.\w+$/, '') === path && value !== 'none')
        .map(([option = '', value]) => `${option.split('.').at(-1)}: ${value}`)
        .join(', ');
    const text = `server: { webhooks: { ${under('server.webhooks')} }, admin: { ${under('server.admin')} }, ${under('server')} }
spool: { ${under('spool')} }
tokens: { ${under('tokens')} }
`;
    const [written, unsaid] = [await load(text), await load('x-nothing: here\n')];
    expect(written.server).to.deep.equal(unsaid.server);
    expect(written.spool.options).to.deep.equal(unsaid.spool.options);
    expect(written.tokens.options).to.deep.equal(unsaid.tokens.options);
    const options = named.map(([option]) => option);
    for (const [part, keys] of Object.entries(unsaid.server)) {
      if (typeof keys !== 'object') expect(options).to.include(`server.${part}`);
      else expect(options).to.include.members(Object.keys(keys).map((key) => `server.${part}.${key}`));
    }
  });

  it('every relative link points to a file that is there, and to a heading in it', () => {
    for (const { path, text } of pages) {
      for (const [, link = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [file = '', anchor] = link.split('#');
        const target = file === '' ? path : join(dirname(path), file);
        expect(existsSync(join(root, target)), `${link} in ${path}`).to.equal(true);
        if (anchor === undefined) continue;
        const headings = [...pageOf(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
          anchorOf(heading),
        );
        expect(headings, `${link} in ${path}`).to.include(anchor);
      }
    }
  });

  it('the README leads to every page', () => {
    const linked = [...pageOf('README.md').matchAll(/\]\(([^)#\s]+)/g)].map(([, link]) => link);
    expect(linked).to.include.members(pages.map(({ path }) => path).filter((path) => path !== 'README.md'));
  });
});

describe('the pages: their commands', function () {
  this.timeout(120_000);

  it('every one exists, with its options and so many arguments', async () => {
    const found = whole.matchAll(/(?:^|`)npx hookline ([^`\n]+)/gm);
    const lines = new Set([...found].map(([, line = '']) => line.replace(/ +# .*$/, '').trim()));
    expect(lines.size).to.be.greaterThan(20);
    const wordsOf = (line: string) => line.match(/"[^"]*"|\S+/g) ?? [];
    const commandOf = (line: string) =>
      wordsOf(line)
        .slice(0, 2)
        .filter((word) => /^[a-z]+$/.test(word))
        .join(' ');
    const helps = new Map<string, string>();
    for (const command of new Set([...lines].map(commandOf))) {
      helps.set(command, (await hookline(root, ...command.split(' '), '--help')).stdout);
    }
    for (const line of lines) {
      const given = wordsOf(line);
      const help = helps.get(commandOf(line)) ?? '';
      const [, path = '', usage = ''] = /^Usage: hookline((?: [a-z]+)*)(.*)$/m.exec(help) ?? [];
      expect([path === '', usage.includes('[command]')], line).to.deep.equal([false, false]);
      const words = given.slice(path.trim().split(' ').length);
      const options = words.filter((word) => word.startsWith('--'));
      for (const option of options) expect(help, line).to.include(`${option} `);
      const valued = options.filter((option) => new RegExp(`${option} <`).test(help));
      const positional = words.length - options.length - valued.length;
      expect(positional, line).to.be.at.least(usage.match(/<\w+>/g)?.length ?? 0);
      if (usage.includes('...')) continue;
      expect(positional, line).to.be.at.most(usage.match(/[<[](?!options)\w+[>\]]/g)?.length ?? 0);
    }
  });
});

describe('the pages: the quick start and the metrics', function () {
  this.timeout(60_000);
  let server: Hookline;

  before(async () => {
    server = await Hookline.create('');
    const text = readFileSync(join(root, 'config/quickstart.yaml'), 'utf8')
      .replace('port: 8080', `port: ${server.webhookPort}`)
      .replace('port: 8081', `port: ${server.adminPort}`)
      .replaceAll('../data', './data');
    await writeFile(server.configFile, text);
  });

  after(() => server?.destroy());

  /** Pastes what the server printed last. */
  async function paste(): Promise<string> {
    const line = await eventually('the curl line', async () => /^curl .*$/m.exec(server.output)?.[0]);
    try {
      return (await run('bash', ['-c', line], { env: { ...process.env, no_proxy: '127.0.0.1' } })).stdout;
    } catch (error) {
      if (![127, 'ENOENT'].includes((error as { code: number | string }).code)) throw error; // no curl here
    }
    const [, body, url] = /-d '([^']*)' '([^']*)'/.exec(line) ?? [];
    return `${JSON.stringify((await server.post(url ?? '', body ?? '')).answer)}\n`;
  }

  it('lands what is pasted, and shows the row', async () => {
    await server.start('--welcome');
    const answer = await paste();
    expect(JSON.parse(answer)).to.have.property('success', true);
    expect(answer, 'a line of its own').to.match(/\}\n$/);
    expect(server.output).to.include('The token in that URL is not shown again');
    const [row] = await landed(server, 1);
    expect(row?.__kdd_request_body).to.equal('{"hello": "world"}');
    for (const [, sql = ''] of queried.matchAll(/hookline query "([^"]*)"/g)) {
      expect(await server.json('query', sql.replace('leads', 'quickstart')), sql).to.have.lengthOf(1);
    }
  });

  it('works once more after a restart, with a token of its own', async () => {
    expect(await server.stop()).to.equal(0);
    server.output = '';
    await server.start('--welcome');
    expect(JSON.parse(await paste())).to.have.property('success', true);
    expect(server.output).to.include('The token in that URL is good for a day, and not shown again');
    await landed(server, 2);
    expect(await server.json('tokens', 'list')).to.have.lengthOf(2);
  });

  it('documents every metric that there is, and none besides', async () => {
    const text = await (await server.admin('/metrics')).text();
    const real = [...text.matchAll(/^# TYPE (hookline_\w+) /gm)].map(([, name]) => name as string);
    const documented = tableRows('server/OPERATING.md').flatMap(([name = '']) =>
      /^hookline_\w+$/.test(name) ? [name] : [],
    );
    expect(documented.sort()).to.deep.equal(real.sort());
  });
});

describe('the pages: the GRANTs', function () {
  this.timeout(120_000);
  const sections = `destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}", schema: webhooks, flush: { every: 100ms } }
pipelines:
  835212: { destination: warehouse, table: rdstation_leads }
`;
  let postgres: TestPostgres;

  before(async () => {
    postgres = await startPostgres();
  });

  after(() => postgres?.destroy());

  const forPostgres = blocksOf(pageOf('connectors/postgres/README.md'), 'sql').filter((sql) =>
    sql.includes('CREATE ROLE'),
  );
  for (const [at, sql] of forPostgres.entries()) {
    it(`block ${at + 1} is enough for a fresh role to pass check, and to land`, async () => {
      const [database, role] = [await postgres.createDatabase(), `hookline_${at}`];
      await postgres.sql(database, sql.replaceAll(/\bhookline\b/g, role));
      const url = new URL(database);
      [url.username, url.password] = [role, 'choose-a-password'];
      const server = await Hookline.create(sections, { env: { DATABASE_URL: url.href } });
      try {
        expect(await server.cli('check')).to.deep.include({ code: 0, stderr: '' });
        await server.start();
        await server.post((await server.token()).urls['835212'] ?? '', '{}');
        await landed(server, 1);
      } finally {
        await server.destroy();
      }
    });
  }
});
