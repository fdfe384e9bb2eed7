import cluster from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Process } from '../../server/fork.js';
import { Recruit } from '../../server/recruit.js';
import { eventually } from '../support/hookline.js';

describe('an ack worker that is forked before the configuration is read', () => {
  let started: Process[];

  beforeEach(() => {
    started = [];
  });
  afterEach(() => {
    for (const child of started) child.kill('SIGKILL');
  });

  const workers = () => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);

  for (const [when, wait] of [
    ['before', 0],
    ['long after', 3000],
  ] as const) {
    it(`says what it has to say when it is enlisted ${when} it has loaded its modules, once`, async () => {
      const recruit = new Recruit();
      await sleep(wait);
      const child = recruit.enlist() as Process;
      started.push(child);
      const heard: unknown[] = [];
      child.on('message', (message) => heard.push(message));
      await eventually('it asks what to do', async () => heard[0]);
      await sleep(100);
      expect(heard).to.have.length(1);
      expect(heard[0]).to.include({ kind: 'ask', question: 'begin' });
      expect(recruit.enlist()).to.equal(undefined);
    });
  }

  it('is none when it has died by then', async () => {
    const recruit = new Recruit();
    const [worker] = workers().slice(-1);
    worker?.process.kill('SIGKILL');
    if (worker !== undefined) await once(worker, 'exit');
    expect(recruit.enlist()).to.equal(undefined);
  });

  it('is gone when there is nothing for it to do', async () => {
    const recruit = new Recruit();
    recruit.dismiss();
    await eventually('it ends', async () => workers().length === 0 || undefined);
  });
});
