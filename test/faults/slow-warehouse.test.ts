import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { FoundRow } from '../support/ack-log.js';
import { Scoreboard, sized } from '../support/attack.js';
import { MemoryWatch, memoryOf } from '../support/process-usage.js';
import { readDuckDb } from '../support/readers.js';
import { Rig } from '../support/rig.js';

const plugin = fileURLToPath(new URL('../support/slow-plugin.js', import.meta.url));
const board = new Scoreboard('slow warehouses, under load');
const seconds = sized(5, 25);

/** What the process that answers may hold of its own, in MiB, and the one that loads, which has DuckDB in it. */
const bounds = { ack: 120, load: 250 } as const;

const configuration = `plugins: ["${plugin}"]
destinations:
  slow: { type: slow, file: ./rows, pace: 2s, flush: { rows: 10000, bytes: 2MiB, every: 50ms } }
  local: { type: duckdb, path: ./warehouse.duckdb, memoryLimit: 64MiB, flush: { rows: 10000, bytes: 2MiB, every: 200ms } }
pipelines:
  1: { destination: [slow, local], table: rows }
`;

describe('while a warehouse takes seconds for each write, memory stays bounded and the spool takes what comes', function () {
  this.timeout(240_000);
  let rig: Rig;

  before(async () => {
    rig = await Rig.start(configuration);
    rig.send('1', 1, 1, 10);
    await rig.lands('1', 'local');
    await rig.lands('1', 'slow');
  });

  after(() => rig?.destroy());

  it(`for ${seconds} s, with ready, no sender refused and another lane that keeps up`, async () => {
    const children = await rig.server.children();
    const watched = children.map(({ name, pid }) => ({
      name,
      before: memoryOf(pid),
      watch: new MemoryWatch(pid),
    }));
    rig.send('1', 2, 2, 8, 'x'.repeat(20_000));
    for (let second = 0; second < seconds; second++) {
      await sleep(1000);
      expect((await rig.server.admin('/ready')).status).to.equal(200);
    }
    const slow = await rig.lane('1', 'slow');
    const local = await rig.lane('1', 'local');
    expect(slow.state).to.equal('running');
    expect(slow.bytes, 'bytes in the spool').to.be.greaterThan(seconds * 1024 ** 2);
    expect(local.lag, 'seconds of lag of the other lane').to.be.lessThan(3);
    console.log(`      ${Math.round(slow.bytes / 1024 ** 2)} MiB lie in the spool`);
    for (const { name, before, watch } of watched) {
      const most = watch.stop();
      console.log(
        `      ${name}: at most ${most.own} MiB of its own, ${before.own} before; with mapped files ${most.resident} MiB`,
      );
      expect(most.own, name).to.be.lessThan(name.startsWith('ack') ? bounds.ack : bounds.load);
    }
    expect(rig.refused).to.equal(0);
    board.add('seconds of a warehouse that takes 2 s for each write', seconds);
  });

  it('holds every row once, as it was answered, once the warehouse is quick again', async () => {
    const file = join(rig.server.folder, 'rows');
    await writeFile(`${file}.fast`, '');
    await rig.finish();
    for (const rows of [
      await readSlow(file),
      await readDuckDb(join(rig.server.folder, 'warehouse.duckdb'), 'rows'),
    ]) {
      const verdict = rig.judge('1', rows);
      board.add('rows held against the answers', verdict.rows, verdict);
    }
    board.print();
  });
});

async function readSlow(file: string): Promise<FoundRow[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => {
    const [requestId, timestamp, key, body] = JSON.parse(line) as [string, number, string, string];
    return { requestId, timestamp, key, body: Buffer.from(body, 'base64') };
  });
}
