import { writeFile } from 'node:fs/promises';
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
  local: { type: duckdb, path: ./warehouse.duckdb, flush: { every: 100ms } }
pipelines:
  1: { destination: tells, table: rows }
  2: { destination: silent, table: rows }
  3: { destination: local, table: rows }
`;

describe('a batch that kills the load process', function () {
  this.timeout(240_000);
  let rig: Rig;

  before(async () => {
    rig = await Rig.start(configuration);
  });
  after(() => rig?.destroy());

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
    expect(rig.server.output).to.match(/the load process died 2 times while it wrote batch \S+ of 16 rows/);
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
