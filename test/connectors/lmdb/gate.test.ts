import { open as handle, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Db, Environment } from '../../../connectors/lmdb/environment.js';
import { Gate } from '../../../connectors/lmdb/gate.js';
import { thisProcess } from '../../../connectors/lmdb/process-identity.js';
import { Program } from '../../support/program.js';

describe('opening an LMDB environment', () => {
  let path: string;
  let opened: Environment[];
  let programs: Program[];

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'hookline-gate-'));
    opened = [];
    programs = [];
  });
  afterEach(async () => {
    for (const program of programs) await program.kill();
    for (const environment of opened) await environment.close();
    await rm(path, { recursive: true, force: true });
  });

  const open = async (): Promise<{ environment: Environment; db: Db<number> }> => {
    const made = await Environment.open('spool', path, 2 ** 30, (environment) => ({
      environment,
      db: environment.db<number>('numbers', undefined, true),
    }));
    opened.push(made.environment);
    return made;
  };
  const run = (name: string, ...args: string[]) => {
    const program = new Program(name, [path, ...args]);
    programs.push(program);
    return program;
  };
  const key = Buffer.from('here');
  const markers = async () => (await readdir(join(path, 'gate'))).filter((file) => file.endsWith('.opening'));

  it('loses no commit of any process, however often others open it and close it', async () => {
    const { environment, db } = await open();
    const others = [1, 2].map(() => run('lmdb-reopen', '4000'));
    let ended = false;
    const ends = Promise.all(others.map((program) => program.exited)).then(() => {
      ended = true;
    });
    const lost: number[] = [];
    let commits = 0;
    while (!ended) {
      commits++;
      await environment.commit(() => db.put(key, commits, commits));
      environment.refresh();
      if (db.get(key) !== commits) lost.push(commits);
    }
    await ends;
    expect(lost).to.deep.equal([]);
    for (const { output } of others) expect(output).to.match(/^opened [1-9][0-9]+\n$/);
    expect(commits).to.be.greaterThan(100);
  });

  it('waits for the commits that are under way, and keeps those that follow waiting', async () => {
    const { environment, db } = await open();
    const steps: string[] = [];
    let end: () => void = () => undefined;
    const slow = environment.commit(async () => {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      steps.push('committed');
    });
    const opening = open().then(() => steps.push('opened'));
    await sleep(50);
    expect(await markers()).to.have.length(1);
    const next = environment.commit(() => {
      steps.push('commits again');
      return db.put(key, 1, 1);
    });
    await sleep(50);
    expect(steps).to.deep.equal([]);
    end();
    await Promise.all([slow, opening, next]);
    expect(steps).to.deep.equal(['committed', 'opened', 'commits again']);
    expect(await markers()).to.deep.equal([]);
  });

  it('lets several open it at once, one after the other', async () => {
    await Promise.all([open(), open(), open(), open()]);
    expect(opened).to.have.length(4);
  });

  it('does not wait for a process that was killed while it opened or committed', async () => {
    const { environment, db } = await open();
    const program = run('lmdb-alone');
    while (program.output === '') await sleep(5);
    let written = false;
    const commit = environment
      .commit(() => db.put(key, 1, 1))
      .then(() => {
        written = true;
      });
    await sleep(50);
    expect(written).to.equal(false);
    await program.kill();
    await commit;
    expect(await markers()).to.deep.equal([]);

    const started = thisProcess().started.replace(/^[0-9]+/, '1');
    const left = `${process.pid}-${started}-1.commits`;
    await writeFile(join(path, 'gate', left), '1');
    await open();
    expect(await readdir(join(path, 'gate'))).not.to.include(left);
  });

  it('does not wait for a process that exits while it commits: that one ends at once', async () => {
    const { environment, db } = await open();
    const exiting = run('lmdb-exit');
    await Promise.race([exiting.exited, sleep(18_000).then(() => expect.fail('it has not ended'))]);
    await environment.commit(() => db.put(key, 1, 1));
    await open();
  });

  it('takes a process of another namespace for gone once it does nothing for a while, whatever its clock or ours shows', async () => {
    const gate = new Gate(path, 400);
    const marker = join(path, 'gate', '7-1@1-1.opening');
    await writeFile(marker, '');
    let hours = 0;
    const beats = async () => {
      const time = Date.now() / 1000 + 3600 * hours++;
      await utimes(marker, time, time);
    };
    await beats();
    const began = performance.now();
    let passed = Number.POSITIVE_INFINITY;
    const passing = gate.pass(async () => {
      passed = performance.now();
    });
    let heard = began;
    for (let n = 0; n < 3; n++) {
      await sleep(50);
      // Where the machine is busy, it was silent for too long.
      if (performance.now() - heard >= 400) break;
      expect(passed).to.equal(Number.POSITIVE_INFINITY);
      await beats();
      heard = performance.now();
    }
    await passing;
    expect(passed - began).to.be.at.least(400);
    expect(await markers()).to.deep.equal([]);
    gate.remove();
  }).timeout(10_000);

  it('is seen by others again when it was taken for gone and is not', async () => {
    const { environment, db } = await open();
    for (const file of await readdir(join(path, 'gate'))) await rm(join(path, 'gate', file));
    let opens: Promise<unknown> | undefined;
    let opened = false;
    await environment.commit(async () => {
      opens = open().then(() => {
        opened = true;
      });
      await sleep(100);
      expect(opened).to.equal(false);
      await db.put(key, 1, 1);
    });
    await opens;
  });

  it('takes files away that killed processes have left, also of those that did nothing', async () => {
    await open();
    const started = thisProcess().started.replace(/^[0-9]+/, '1');
    const left = `${process.pid}-${started}-1.commits`;
    await writeFile(join(path, 'gate', left), '');
    await open();
    expect(await readdir(join(path, 'gate'))).not.to.include(left);
  });

  it('throws what an action throws once the commit has ended', async () => {
    const { environment, db } = await open();
    const action = () => {
      void db.put(key, 1, 1);
      throw new Error('no');
    };
    const failed = await environment.batch(action).catch((error: Error) => error.message);
    expect(failed).to.equal('no');
    environment.refresh();
    expect(db.get(key), 'committed by then').to.equal(1);
  });

  it('refuses a commit that is begun while it is closed', async () => {
    const { environment, db } = await open();
    const closing = environment.close();
    await Promise.resolve();
    const failed = await environment.commit(() => db.put(key, 1, 1)).catch((error: Error) => error.message);
    expect(failed).to.match(/is closed$/);
    await closing;
  });

  it('refuses a database that is opened later: it could wait for ever', async () => {
    const { environment } = await open();
    expect(() => environment.db('more')).to.throw('the database more has to be opened with its environment');
  });

  it('touches no file of others when a commit ends after it was closed', async () => {
    const gate = new Gate(path);
    let end: () => void = () => undefined;
    const late = gate.pass(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    );
    gate.remove();
    // The system gives the descriptor that has just become free.
    const file = await handle(join(path, 'other'), 'w');
    await file.writeFile('whole');
    end();
    await late;
    expect(await readFile(join(path, 'other'), 'utf8')).to.equal('whole');
    await file.close();
    expect(() => gate.remove()).not.to.throw();
    const refused = await gate.pass(async () => 'passed').catch((error: Error) => error.message);
    expect(refused).to.match(/gate is closed$/);
  });

  it('goes on where the folder was removed, and leaves nothing in it otherwise', async () => {
    const { environment, db } = await open();
    await rm(join(path, 'gate'), { recursive: true });
    await environment.commit(() => db.put(key, 1, 1));
    await environment.close();
    await mkdir(join(path, 'gate'), { recursive: true });
    const other = await open();
    await other.environment.close();
    expect(await readdir(join(path, 'gate'))).to.deep.equal([]);
  });
});
