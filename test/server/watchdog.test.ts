import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Logger } from '../../core/contract/logger.js';
import { Channel } from '../../server/channel.js';
import { Watchdog, type Watched } from '../../server/watchdog.js';
import { eventually } from '../support/hookline.js';

const file = fileURLToPath(new URL('../support/beating-child.js', import.meta.url));
const every = 20;

interface Beating {
  readonly beat: (argument: undefined) => void;
}

describe('a process that hangs', function () {
  this.timeout(60_000);
  let child: ChildProcess;
  let watched: Watched;
  let said: string[];
  let logger: Logger;
  let killed: number;
  let answered: number;

  beforeEach(() => {
    child = fork(file, { serialization: 'advanced' });
    const channel = new Channel<Beating>(child, {});
    said = [];
    killed = 0;
    answered = 0;
    logger = { error: (_: object, message: string) => void said.push(message) } as unknown as Logger;
    watched = {
      name: 'load process',
      beat: async () => {
        await channel.ask('beat', undefined);
        answered++;
      },
      kill: () => {
        killed++;
        child.kill('SIGKILL');
      },
    };
  });
  afterEach(() => child.kill('SIGKILL'));

  const answers = async () => {
    const before = answered;
    await eventually('it answers', async () => answered > before || undefined);
  };

  it('is not ready and said once it was silent for long, then killed; one that answers is neither', async () => {
    const dog = new Watchdog([watched], logger, { every, silent: 2000, replaced: 4000 });
    dog.start();
    try {
      for (let i = 0; i < 5; i++) await answers();
      expect([dog.isSilent(watched), dog.faults(), said]).to.deep.equal([false, [], []]);
      child.kill('SIGSTOP');
      await eventually('it is silent', async () => dog.isSilent(watched) || undefined);
      expect(dog.faults()).to.deep.equal(['load process hangs: no answer for 2 s']);
      expect(killed).to.equal(0);
      await once(child, 'exit');
      expect(killed).to.equal(1);
      expect(dog.faults()).to.deep.equal([]);
      expect(said).to.deep.equal([
        'load process hangs: no answer for 2 s; it is replaced if it goes on',
        'load process hangs: no answer for 4 s: it is killed, and another takes its place',
      ]);
    } finally {
      dog.stop();
    }
  });

  it('that goes on in time is ready again', async () => {
    const dog = new Watchdog([watched], logger, { every, silent: 500, replaced: 3_600_000 });
    dog.start();
    try {
      await answers();
      child.kill('SIGSTOP');
      await eventually('it is silent', async () => dog.isSilent(watched) || undefined);
      child.kill('SIGCONT');
      await eventually('it is ready', async () => !dog.isSilent(watched) || undefined);
      expect(killed).to.equal(0);
    } finally {
      dog.stop();
    }
  });

  it('does not count as hung for the time in which the supervisor itself stood still', async () => {
    const dog = new Watchdog([watched], logger, { every, silent: 2000, replaced: 2500 });
    dog.start();
    try {
      await answers();
      child.kill('SIGSTOP');
      const end = performance.now() + 3000;
      while (performance.now() < end); // As a suspended machine: no timer runs meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 0)); // The one that was due has run.
      expect([killed, said]).to.deep.equal([0, []]);
    } finally {
      dog.stop();
    }
  });
});
