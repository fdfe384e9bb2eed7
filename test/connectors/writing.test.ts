import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import {
  absent,
  type DestinationSubject,
  destinationClaims,
  instantiate,
} from '../../core/conformance/index.js';
import { type ChartRow, fromChartRow } from '../../core/contract/chart.js';
import type { Plugin } from '../../core/index.js';
import { eventually, Hookline } from '../support/hookline.js';
import { root } from '../support/npm.js';
import { blocksOf, writeConnector, writeServerConnector, writing } from '../support/pages.js';

describe('"Write a connector"', () => {
  let folder: string;
  let file: string;
  let plugin: Plugin<'destination'>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-writing-'));
    file = await writeConnector(folder);
    ({ default: plugin } = (await import(file)) as { default: typeof plugin });
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it('shows a whole connector in under 80 lines', () => {
    expect(blocksOf(writing, 'js')[0]?.split('\n').length).to.be.lessThan(80);
  });

  it('names claims that there are, and links files that are there', async () => {
    const suite = join(root, 'core/conformance/destination');
    const sources = await Promise.all(
      (await readdir(suite)).map((each) => readFile(join(suite, each), 'utf8')),
    );
    const shapes = /^(refuses|takes) a table (.*), and leaves it so$/;
    const claims = [...writing.matchAll(/^\| `([^`]+ [^`]+)` \|/gm)].map(([, name = '']) => name);
    expect(claims).to.have.length.above(10);
    for (const name of claims) {
      const written = shapes.exec(name)?.[2] ?? name;
      expect(
        sources.some((text) => text.includes(`'${written}'`)),
        name,
      ).to.equal(true);
    }
    for (const [, link = ''] of writing.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect(existsSync(join(root, 'connectors', link)), link).to.equal(true);
    }
  });

  it('shows the options of a server, which are read as it says', async () => {
    const connector = join(folder, 'acme');
    const { default: acme } = (await import(await writeServerConnector(connector))) as {
      default: Plugin<'destination'>;
    };
    const { create, config } = acme;
    const connectionOf = (options: object) =>
      (
        create(config.parse(options), () => undefined as never) as unknown as { connect(): Promise<object> }
      ).connect();
    expect(await connectionOf({ url: 'acme://me:p%2Fw@host/base', ssl: true })).to.deep.equal({
      host: 'host',
      port: 4000,
      user: 'me',
      password: 'p/w',
      database: 'base',
      tls: { rejectUnauthorized: true },
    });
    expect(config.safeParse({ user: 'me' }).success).to.equal(false);
  });

  it('shows a test of its own that is in the new package, line by line', async () => {
    const scaffold = await readFile(join(root, 'connectors/scaffold/test/conformance.test.ts'), 'utf8');
    const lines = (text: string) => text.split('\n').map((line) => line.trim());
    const sample = blocksOf(writing, 'js').find((block) => block.includes('new TestDestinations'));
    expect(sample).to.be.a('string');
    expect(lines(scaffold)).to.include.members(lines(sample ?? ''));
  });

  it('lands webhooks through its connector, newest first', async () => {
    const server = await Hookline.create(blocksOf(writing, 'yaml')[0] ?? '');
    try {
      await writeConnector(server.folder);
      await server.start();
      const { urls } = await server.token();
      const bodies = ['{"é": "\\u0000"}', 'null'];
      for (const [at, body] of bodies.entries()) {
        expect((await server.post(urls['835212'] ?? '', body)).status).to.equal(200);
        await eventually('the row', async () => (await rowsOf(server)).length > at || undefined);
      }
      expect(await rowsOf(server)).to.deep.equal(bodies.toReversed());
    } finally {
      await server.destroy();
    }
  }).timeout(60_000);

  describe('its connector', () => {
    const subject: DestinationSubject = {
      make: () => instantiate(plugin, { folder: join(folder, 'lines') }),
      rows: async (table) => {
        const lines = join(folder, 'lines', table);
        const names = (await readdir(lines)).filter((name) => name.endsWith('.jsonl'));
        const texts = await Promise.all(names.map((name) => readFile(join(lines, name), 'utf8')));
        return texts.flatMap((text) =>
          text
            .trimEnd()
            .split('\n')
            .map((line) => fromChartRow(JSON.parse(line) as ChartRow)),
        );
      },
      describe: async () =>
        (await readdir(join(folder, 'lines'), { recursive: true }))
          .filter((name) => !name.endsWith('.draft'))
          .sort(),
      tables: absent('a table is a folder, and has no shape'),
      refused: absent('a file takes every row'),
      limits: { body: 10 * 1024 ** 2, rows: 10_000, bytes: 16 * 1024 ** 2 },
      process: () => ({
        module: pathToFileURL(file).href,
        plugin: 'json-lines',
        options: { folder: join(folder, 'lines') },
      }),
      misconfigured: {
        'wrong credentials': absent('a folder has none'),
        'missing database': absent('the folder is made'),
        'missing grant': absent('root may write everywhere'),
      },
      outage: absent('there is no connection to cut'),
      secrets: () => [],
    };

    for (const claim of destinationClaims(subject)) it(claim.name, claim.run).timeout(60_000);
  });
});

async function rowsOf(server: Hookline): Promise<string[]> {
  const rows = await server.json<ChartRow[]>('rows', '835212');
  return rows.map((row) => row.__kdd_request_body);
}
