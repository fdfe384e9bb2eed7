import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { landedIn } from '../support/deadly-plugin.js';
import { eventually } from '../support/hookline.js';
import { readDuckDb } from '../support/readers.js';
import { Rig } from '../support/rig.js';

const plugin = new URL('../support/deadly-plugin.js', import.meta.url).pathname;

const configuration = `plugins: [ ${JSON.stringify(plugin)} ]
destinations:
  tells: { type: deadly, prefix: tells, tells: true, flush: { rows: 16, every: 10s } }
  silent: { type: deadly, prefix: silent, tells: false, flush: { rows: 16, every: 10s } }
  owned: { type: duckdb, path: ./owned.duckdb, flush: { rows: 16, every: 10s } }
  local: { type: duckdb, path: ./warehouse.duckdb, flush: { every: 100ms } }
pipelines:
  1: { destination: tells, table: rows }
  2: { destination: silent, table: rows }
  3: { destination: local, table: rows }
  4: { destination: owned, table: rows }
`;

describe('a batch that kills its process', function () {
  this.timeout(240_000);
  let rig: Rig;
  let armed: string;

  before(async () => {
    armed = await mkdtemp(join(tmpdir(), 'hookline-deadly-'));
    rig = await Rig.start(configuration, { env: { HOOKLINE_FAILPOINTS: armed } });
  });
  after(async () => {
    await rig?.destroy();
    await rm(armed, { recursive: true });
  });

  async function post(pipeline: string, count: number): Promise<string[]> {
    const answers = Array.from({ length: count }, async () => {
      const answer = await fetch(rig.urlOf(pipeline), { method: 'POST', body: '{"n":1}' });
      const { data } = (await answer.json()) as { data: { __kdd_request_id: string } };
      return data.__kdd_request_id;
    });
    return Promise.all(answers);
  }

  const landed = (prefix: string) => landedIn(rig.server.folder, prefix).toSorted();
  const alone = async (prefix: string, ids: string[]) =>
    eventually('all have landed', async () => landed(prefix).length >= ids.length || undefined, 90_000);

  it('is halved where it surely has not landed: all rows land once', async () => {
    const ids = await post('1', 16);
    await alone('tells', ids);
    await rig.is(['1', 'tells'], 'running');
    expect(landed('tells')).to.deep.equal(ids.toSorted());
    expect(rig.server.output).to.match(/a process died 2 times while it wrote batch \S+ of 16 rows/);
  });

  it('is halved too where that is DuckDB of a file, of which the load process does not die', async () => {
    const deadly = join(armed, 'duckdb.appended');
    const load = async () => (await rig.server.children()).find(({ name }) => name === 'load process')?.pid;
    const before = await load();
    await writeFile(deadly, '1');
    const ids = await post('4', 16);
    await eventually(
      'it is halved',
      async () => {
        if (/owned.*it has not landed, and is halved/.test(rig.server.output)) return true;
        await writeFile(deadly, '1');
        return undefined;
      },
      60_000,
    );
    await rm(deadly, { force: true });
    await eventually(
      'all have landed',
      async () => (await rig.lane('4', 'owned')).records === 0 || undefined,
      60_000,
    );
    expect(await load()).to.equal(before);
    const { stdout } = await rig.server.cli(
      'query',
      'SELECT __kdd_request_id AS id FROM rows ORDER BY ALL',
      '--destination',
      'owned',
      '--json',
    );
    expect((JSON.parse(stdout) as { id: string }[]).map(({ id }) => id)).to.deep.equal(ids.toSorted());
  });

  it('is told and rarely tried where nobody can say that; other lanes go on; with memory it lands once', async () => {
    const ids = await post('2', 16);
    await rig.is(['2', 'silent'], 'halted', [
      /died 2 times while it wrote batch/,
      /Give the server more memory/,
    ]);
    const metrics = await (await rig.server.admin('/metrics')).text();
    expect(metrics).to.match(/^hookline_lane_batch_deaths\{[^}]*destination="silent"[^}]*\} 2$/m);
    await post('3', 5);
    await eventually(
      'the other lane goes on',
      async () => (await rig.lane('3', 'local')).records === 0 || undefined,
    );
    await writeFile(join(rig.server.folder, 'memory'), '');
    expect((await rig.server.cli('check')).code, 'which has it tried at once').to.equal(0);
    await alone('silent', ids);
    await rig.is(['2', 'silent'], 'running');
    expect(landed('silent')).to.deep.equal(ids.toSorted());
    await rig.finish();
    expect(await readDuckDb(join(rig.server.folder, 'warehouse.duckdb'), 'rows')).to.have.length(5);
  });
});
