import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { instantiate, makeBatch, makeRow } from 'hookline/conformance';
import plugin from '../../connectors/parquet/index.js';
import type { ChartRow } from '../../core/contract/chart.js';
import { eventually, Hookline } from '../support/hookline.js';
import { filesOf, readLake } from '../support/lake.js';

const never = new AbortController().signal;
const past = 1_700_000_000;

type Done = Record<string, unknown>[];

describe('hookline compact', function () {
  this.timeout(60_000);
  let server: Hookline;

  beforeEach(async () => {
    server = await Hookline.create(`destinations:
  lake: { type: parquet, path: ./lake, flush: { every: 100ms } }
  out: { type: memory }
pipelines:
  1: { destination: [lake, out], table: leads }
  2: { destination: lake, table: visits }
  3: { destination: out, table: other }
`);
  });
  afterEach(() => server.destroy());

  const lake = () => join(server.folder, 'lake');
  /** Five files of one past hour. */
  const fill = async (table: string) => {
    const destination = instantiate(plugin, { path: lake() });
    await destination.open(never);
    for (let n = 0; n < 5; n++) {
      const rows = Array.from({ length: 10 }, (_, at) => makeRow(undefined, past + at));
      await destination.write(makeBatch(table, rows), never);
    }
    await destination.close();
  };

  it('merges the past hours of every table, while the server runs and writes', async () => {
    await fill('leads');
    await fill('visits');
    await server.start();
    const { urls } = await server.token();
    const posting = (async () => {
      const post = () => server.post(urls['1'] as string, '{"n": 1}');
      for (let wave = 0; wave < 3; wave++) {
        const answers = await Promise.all(Array.from({ length: 10 }, post));
        expect(answers.map(({ status }) => status)).to.deep.equal(Array(10).fill(200));
      }
    })();
    const done = await server.json<Done>('compact');
    await posting;
    expect(
      done.map(({ destination, table, place, pieces }) => [destination, table, place, pieces]),
    ).to.deep.equal([
      ['lake', 'leads', 'dt=2023-11-14/hour=22', 5],
      ['lake', 'visits', 'dt=2023-11-14/hour=22', 5],
    ]);
    expect(done[0]?.['mergedBytes']).to.be.a('number');
    await server.drain();
    const rows = await readLake(lake(), 'leads');
    expect(rows).to.have.length(50 + 30);
    // What waits together lands together.
    expect(await filesOf(lake())).to.have.length.below(2 + 30);
    expect(new Set(rows.map(({ requestId }) => requestId)).size).to.equal(80);
    const { stdout, code } = await server.cli('compact');
    expect([stdout, code]).to.deep.equal(['nothing to merge\n', 0]);
    const newest = await server.json<ChartRow[]>('rows', '1', '--limit', '100');
    expect(newest).to.have.length(80);
  });

  it('only tells with --dry-run', async () => {
    await fill('leads');
    const before = await filesOf(lake());
    const { stdout, code } = await server.cli('compact', '1', '--dry-run');
    expect(code).to.equal(0);
    expect(stdout).to.match(/^lake\tleads\tdt=2023-11-14\/hour=22\t5\t[\d.]+KiB\t-\n$/);
    expect(await filesOf(lake())).to.deep.equal(before);
  });

  it('takes one pipeline, or one destination', async () => {
    await fill('leads');
    await fill('visits');
    expect((await server.json<Done>('compact', '2', '--dry-run')).map(({ table }) => table)).to.deep.equal([
      'visits',
    ]);
    const both = await server.json<Done>('compact', '--destination', 'lake', '--dry-run');
    expect(both.map(({ table }) => table)).to.deep.equal(['leads', 'visits']);
  });

  it('exits with 2 when there is nothing that it could compact', async () => {
    for (const [args, message] of [
      [['3'], 'no destination of pipeline 3 can be compacted; a parquet one can'],
      [['--destination', 'out'], 'destination out has no table of this configuration that can be compacted'],
      [['--destination', 'nowhere'], 'there is no destination nowhere; there are: lake, out'],
      [['9'], 'there is no pipeline 9'],
    ] as const) {
      const { code, stderr } = await server.cli('compact', ...args);
      expect(code, stderr).to.equal(2);
      expect(stderr).to.include(message);
    }
  });

  it('exits with 78 when the set-up is at fault, and goes on with what is not', async () => {
    await fill('visits');
    await server.configure(`destinations:
  lake: { type: parquet, path: ./lake }
  odd: { type: parquet, path: ./hookline.yaml }
pipelines:
  1: { destination: odd, table: leads }
  2: { destination: lake, table: visits }
`);
    const { code, stdout, stderr } = await server.cli('compact', '--json');
    expect(code).to.equal(78);
    expect(stderr).to.match(/^table leads of odd: odd: .*is no folder/);
    expect((JSON.parse(stdout) as Done).map(({ table }) => table)).to.deep.equal(['visits']);
  });

  it('has the files and bytes that were made in the metrics', async () => {
    await server.start();
    const { urls } = await server.token();
    await server.post(urls['1'] as string, '{}');
    const text = await eventually('the metrics tell of the file', async () => {
      const found = await (await server.admin('/metrics')).text();
      return /^hookline_parquet_files_total\{.*\} 1$/m.test(found) ? found : undefined;
    });
    expect(text).to.match(/^hookline_parquet_bytes_total\{.*destination="lake".*\} \d{3,}$/m);
    await rm(lake(), { recursive: true });
  });
});
