import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../support/hookline.js';
import { readDuckDb } from '../support/readers.js';
import { Rig } from '../support/rig.js';

const configuration = `destinations:
  local: { type: duckdb, path: ./warehouse.duckdb, flush: { rows: 10000, bytes: 2MiB, every: 100ms } }
pipelines:
  1: { destination: local, table: rows }
`;

describe('processes that hang', function () {
  this.timeout(240_000);
  let rig: Rig;

  before(async () => {
    rig = await Rig.start(configuration, { webhooks: ', workers: 2' });
    rig.send('1', 1, 1, 20);
    await rig.lands('1', 'local');
  });
  after(() => rig?.destroy());

  const pidOf = async (name: string) => (await rig.server.children()).find((one) => one.name === name)?.pid;
  const metrics = async () => (await rig.server.admin('/metrics')).text();

  it('are told, make the server not ready and are replaced; what waits is told meanwhile; nothing is lost', async () => {
    const names = ['load process', 'ack worker 2'];
    await metrics(); // What a scrape before it hung was told stands.
    const pids = await Promise.all(names.map(pidOf));
    for (const pid of pids) process.kill(pid as number, 'SIGSTOP');
    const ready = await eventually(
      'the server is not ready',
      async () => {
        const { faults } = (await (await rig.server.admin('/ready')).json()) as { faults: string[] };
        return names.every((name) => faults.some((fault) => fault.startsWith(`${name} hangs`))) || undefined;
      },
      60_000,
    );
    expect(ready).to.equal(true);
    const text = await metrics();
    expect(text).to.match(/^hookline_lane_records\{[^}]*pipeline="1"[^}]*\} [1-9]/m);
    expect(text).to.match(/^hookline_lane_lag_seconds\{[^}]*pipeline="1"[^}]*\} [1-9]/m);
    expect(text, 'counters stand').to.match(/^hookline_rows_landed_total\{[^}]*\} [1-9]/m);
    expect((await rig.lane('1', 'local')).state).to.equal('stopped');
    await eventually(
      'both are replaced',
      async () => {
        const now = await Promise.all(names.map(pidOf));
        return now.every((pid, index) => pid !== undefined && pid !== pids[index]) || undefined;
      },
      60_000,
    );
    for (const name of names) expect(rig.server.output).to.include(`${name} hangs: no answer for`);
    await rig.lands('1', 'local');
    await rig.finish();
    rig.judge('1', await readDuckDb(join(rig.server.folder, 'warehouse.duckdb'), 'rows'));
  });
});
