import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Scoreboard, sized } from '../support/attack.js';
import { eventually } from '../support/hookline.js';
import { MemoryWatch, memoryOf } from '../support/process-usage.js';
import { readDuckDb } from '../support/readers.js';
import { Rig } from '../support/rig.js';

const idle = sized(2000, 10_000);
const busy = sized(400, 2000);
const seconds = sized(2, 20);
/** What the process that answers may hold of its own, in MiB; with all of them, twice the aim of 120 and some more. */
const bound = sized(120, 300);

const program = fileURLToPath(new URL('../support/many-senders.js', import.meta.url));
const board = new Scoreboard('connections at once');

const configuration = `destinations:
  local: { type: duckdb, path: ./warehouse.duckdb, flush: { rows: 5000, every: 200ms } }
pipelines:
  1: { destination: local, table: rows }
`;

interface Tally {
  readonly open: number;
  readonly answered: number;
  readonly refused: number;
  readonly lost: number;
  readonly ids: number;
}

/** A process with some of the connections: each has file handles of its own. */
class Crowd {
  readonly #child: ChildProcess;
  #output = '';

  constructor(port: number, count: number, mode: 'idle' | 'busy', target: string) {
    this.#child = spawn(process.execPath, [program, String(port), String(count), mode, target]);
    this.#child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.#output += text;
    });
  }

  /** Once all of them are open and have been answered. */
  async opened(): Promise<void> {
    await eventually('they are open', async () => this.#output.includes('\n') || undefined, 60_000);
  }

  async end(): Promise<Tally> {
    this.#child.stdin?.end();
    await once(this.#child, 'close');
    return JSON.parse(this.#output.trim().split('\n').at(-1) ?? '') as Tally;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

describe('with thousands of connections at once', function () {
  this.timeout(180_000);
  let rig: Rig;
  const crowds: Crowd[] = [];

  before(async () => {
    rig = await Rig.start(configuration);
  });

  after(async () => {
    for (const crowd of crowds) crowd.kill();
    await rig?.destroy();
  });

  it(`${idle} idle and ${busy} busy: each is answered, under an id of its own, and the ack worker holds less than ${bound} MiB`, async () => {
    const worker = (await rig.server.children()).find(({ name }) => name === 'ack worker 1');
    if (worker === undefined) throw new Error('no ack worker');
    const before = memoryOf(worker.pid);
    const watch = new MemoryWatch(worker.pid);
    const { pathname, search } = new URL(rig.urlOf('1'));
    const add = (count: number, mode: 'idle' | 'busy') => {
      for (let part = 0; part < 2; part++) {
        crowds.push(new Crowd(rig.server.webhookPort, count / 2, mode, pathname + search));
      }
    };
    add(idle, 'idle');
    for (const crowd of crowds) await crowd.opened();
    const resting = memoryOf(worker.pid);
    add(busy, 'busy');
    for (const crowd of crowds) await crowd.opened();
    rig.send('1');
    await sleep(seconds * 1000);
    await eventually(
      'honest senders are answered',
      async () => rig.acked > seconds * 50 || undefined,
      60_000,
    );
    const most = watch.stop();
    expect((await rig.server.admin('/ready')).status).to.equal(200);
    expect(rig.refused).to.equal(0);
    const tallies = await Promise.all(crowds.splice(0).map((crowd) => crowd.end()));
    const sum = (of: (tally: Tally) => number) => tallies.reduce((all, tally) => all + of(tally), 0);
    console.log(
      `      ack worker: ${before.own} MiB of its own before, ${resting.own} with ${idle} idle, at most ${most.own}; ` +
        `${sum(({ answered }) => answered)} answers`,
    );
    expect(sum(({ refused, lost }) => refused + lost)).to.equal(0);
    expect(
      sum(({ ids }) => ids),
      'ids',
    ).to.equal(sum(({ answered }) => answered));
    expect(sum(({ answered }) => answered)).to.be.at.least(idle + 3 * busy);
    expect(most.own).to.be.lessThan(bound);

    await rig.finish();
    const rows = await readDuckDb(join(rig.server.folder, 'warehouse.duckdb'), 'rows');
    const others = rows.filter(({ body }) => Buffer.from(body).toString() === '{"from":"many"}');
    expect(new Set(others.map(({ requestId }) => requestId)).size).to.equal(others.length);
    // The answers that were under way when they ended may have landed as well.
    expect(others.length).to.be.within(
      sum(({ answered }) => answered),
      sum(({ answered }) => answered) + busy,
    );
    const verdict = rig.judge(
      '1',
      rows.filter((row) => !others.includes(row)),
    );
    board.add('idle connections', idle);
    board.add('busy connections', busy);
    board.add('rows held against the answers', rows.length, verdict);
    board.print();
  });
});
