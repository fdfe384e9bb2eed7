import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Scoreboard, seed, sized } from '../support/attack.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { Random } from '../support/random.js';
import { faultless, type Verdict } from './judge.js';
import { type Role, Scene, stepsIn } from './scene.js';

const random = new Random(seed);
const scoreboard = new Scoreboard('killed under load');
const randomKills = Number(process.env['KILLS'] ?? sized(8, 470));
/** The short test takes every third of the steps, and chance says which; the long one takes all. */
const every = sized(3, 1);
const dist = join(import.meta.dirname, '../..');

/** Steps to which nothing leads but this, besides load. */
const leads: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  'segment.written': (scene) => scene.kill('everything'),
  'segment.linked': (scene) => scene.kill('everything'),
  'spool.claimed': (scene) => scene.kill('load process'),
  'child.spawned': (scene) => scene.kill('ack worker 1'),
  'child.begun': (scene) => scene.kill('load process'),
  'child.started': (scene) => scene.kill('ack worker 2'),
  'load.stopping': async (scene) => {
    // Ended sooner, as on a busy machine, the load process would have nothing to stop.
    await scene.loading();
    await scene.server.stop();
  },
  'halt.revived': (scene) => scene.halt(),
  'halt.ended': (scene) => scene.halt(),
  'row.reviving': (scene) => scene.server.cli('dead', 'replay', '--all'),
  'row.revived': (scene) => scene.server.cli('dead', 'replay', '--all'),
};

/** SIGKILL under load; then the warehouses are held against the senders' own logs. */
describe('killed under load', function () {
  this.timeout(900_000);
  let postgres: TestPostgres;
  let scene: Scene;

  before(async () => {
    postgres = await startPostgres();
  });

  beforeEach(async () => {
    scene = await Scene.open(postgres);
    scene.send('plain', 300);
    scene.send('chunked', 200, { chunked: true, connections: 6 });
    scene.send('poisonous', 100, { poison: 200 });
    scene.send('stranger', 20, {}, false);
  });

  afterEach(() => scene.close());

  after(async () => {
    await postgres?.destroy();
    scoreboard.print();
  });

  it('loses, doubles, alters and mixes up nothing when a process dies at any step that the source names', async () => {
    const steps = await stepsIn(await sources());
    expect(steps).to.include.members([
      'request.read',
      'frame.durable',
      'batch.sealed',
      'postgres.committing',
    ]);
    expect(steps.length, 'each step is named once').to.equal(new Set(steps).size);
    expect(steps).to.include.members(Object.keys(leads));
    const chosen = steps.filter((_, at) => (at + seed) % every === 0);
    for (const step of chosen) {
      await scene.arm(step, passOf(step));
      await scene.hit(step, leads[step]);
    }
    await expectFaultless('SIGKILLs at a named step', chosen.length, chosen.length);
  });

  it(`loses, doubles, alters and mixes up nothing when it loses ${randomKills} processes at random moments`, async () => {
    const kills = new Map<Role, number>();
    let done = 0;
    // A few kills are over sooner than a sender has begun.
    await scene.underLoad();
    while (done < randomKills) {
      await sleep(random.below(400));
      const role = roleAtRandom();
      const ended = await scene.kill(role, random.below(900));
      if (ended > 0) kills.set(role, (kills.get(role) ?? 0) + 1);
      done += ended;
    }
    await scene.heal();
    await scene.underLoad();
    await expectFaultless('SIGKILLs at random moments', done, done);
    for (const [role, times] of kills) scoreboard.add(`moments at which it was ${role}`, times);
  });

  async function expectFaultless(what: string, times: number, atLeast: number): Promise<void> {
    await scene.finish();
    const lanes = await scene.server.json<{ records: number; dead: number }[]>('pipelines');
    expect(lanes.map(({ records }) => records)).to.deep.equal([0, 0]);
    expect((await scene.server.cli('check')).code).to.equal(0);
    expect(await scene.server.stop()).to.equal(0);
    const { acks, ...verdicts } = await scene.judge();
    const sum = (pick: (verdict: Verdict) => number) =>
      Object.values(verdicts).reduce((n, one) => n + pick(one), 0);
    scoreboard.add(what, times, { lost: sum(({ lost }) => lost), doubled: sum(({ doubled }) => doubled) });
    scoreboard.add('requests acked meanwhile, each in two warehouses', acks);
    const { reordered, ...others } = verdicts.postgres;
    expect(reordered).to.be.at.most(scene.putBack);
    expect({ ...verdicts, postgres: { ...others, reordered: 0 } }).to.deep.equal({
      postgres: faultless,
      duckdb: faultless,
    });
    expect(acks).to.be.greaterThan(atLeast);
    expect(scene.complaints).to.deep.equal([]);
  }
});

function roleAtRandom(): Role {
  const draw = random.below(100);
  if (draw < 22) return 'load process';
  if (draw < 34) return 'ack worker 1';
  if (draw < 46) return 'ack worker 2';
  if (draw < 74) return 'all children';
  if (draw < 78) return 'the supervisor';
  return draw < 84 ? 'the supervisor, and the next one as it starts' : 'everything';
}

/** At which pass it is fatal: most come many times a second. */
function passOf(step: string): number {
  if (/^(request|frame|import)/.test(step)) return 1 + random.below(40);
  return /^(batch|postgres|duckdb)/.test(step) ? 1 + random.below(4) : 1;
}

async function sources(): Promise<string[]> {
  const folders = ['core', 'connectors', 'server'];
  const files = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(join(dist, folder), { recursive: true })).map((file) => join(dist, folder, file)),
    ),
  );
  return files.flat().filter((file) => file.endsWith('.js'));
}
