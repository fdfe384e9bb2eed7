import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { never, refused, within } from '../../../core/conformance/index.js';
import { ConfigError, instructionOf, messageOf } from '../../../core/contract/errors.js';
import { type Session, SessionPool, type SessionPoolParts } from '../../../core/kit/session-pool.js';

/** A fake connection; `cut` rejects what goes on over it. */
class FakeSession implements Session {
  broken = false;
  ended = false;
  aborted = false;
  cut: (error: Error) => void = () => {};
  readonly lost = new Promise<never>((_, reject) => {
    this.cut = (error) => {
      this.broken = true;
      reject(error);
    };
  });

  constructor() {
    this.lost.catch(() => {});
  }

  abort(): void {
    this.aborted = true;
    this.cut(new Error('aborted'));
  }

  async end(): Promise<void> {
    await sleep(20);
    this.ended = true;
  }
}

describe('the session pool', () => {
  let made: FakeSession[];
  const pool = (parts: Partial<SessionPoolParts<FakeSession>> = {}): SessionPool<FakeSession> => {
    made = [];
    return new SessionPool({
      connect: async () => {
        const session = new FakeSession();
        made.push(session);
        return session;
      },
      instructed: (error, what) =>
        (error as Error).message === 'denied' ? new ConfigError(`${what}: denied`) : error,
      ...parts,
    });
  };

  it('uses a session again, and another one where it is in use', async () => {
    const sessions = pool();
    const one = await sessions.use('looking', never, async (session) => session);
    expect(await sessions.use('looking', never, async (session) => session)).to.equal(one);
    await sessions.use('looking', never, () => sessions.use('looking', never, async () => {}));
    expect(made).to.have.lengthOf(2);
    await sessions.close();
    expect(made.every(({ ended }) => ended)).to.equal(true);
  });

  it('ends a session that is idle for long, and takes none that is broken', async () => {
    const sessions = pool({ idleFor: 30 });
    const one = await sessions.use('looking', never, async (session) => session);
    await sleep(100);
    expect(one.ended).to.equal(true);
    const two = await sessions.use('looking', never, async (session) => session);
    two.broken = true;
    expect(await sessions.use('looking', never, async (session) => session)).not.to.equal(two);
    await sessions.close();
  });

  it('makes instructions of errors, and ends their session', async () => {
    const sessions = pool();
    const error = await refused(
      sessions.use('writing', never, async () => {
        throw new Error('denied');
      }),
    );
    expect([instructionOf(error), messageOf(error)]).to.deep.equal(['config', 'writing: denied']);
    const bug = new TypeError('a bug');
    expect(await refused(sessions.use('writing', never, () => Promise.reject(bug)))).to.equal(bug);
    await sessions.close();
    expect(made.map(({ ended }) => ended)).to.deep.equal([true, true]);
  });

  it('calls what fails over a lost connection retryable', async () => {
    const sessions = pool();
    const using = sessions.use('writing', never, (session) => session.lost);
    await sleep(10);
    made[0]?.cut(new Error('unknown to the driver'));
    const error = await refused(using);
    expect([instructionOf(error), messageOf(error)]).to.deep.equal([
      'retry',
      'writing: the connection was lost',
    ]);
  });

  it('aborts the session when the signal fires, and rejects with its reason', async () => {
    const sessions = pool();
    const reason = new Error('too late');
    const late = new AbortController();
    const using = sessions.use('writing', late.signal, (session) => session.lost);
    await sleep(10);
    late.abort(reason);
    expect(await within(500, refused(using))).to.equal(reason);
    expect(made[0]?.aborted).to.equal(true);
    expect(await refused(sessions.use('writing', late.signal, async () => {}))).to.equal(reason);
    expect(made).to.have.lengthOf(1);
    expect(await sessions.use('writing', never, async (session) => session)).not.to.equal(made[0]);
  });

  it('resolves though the signal has fired where the work knows that it has landed', async () => {
    const sessions = pool();
    const late = new AbortController();
    const using = sessions.use('committing', late.signal, async () => {
      late.abort();
      return 'landed';
    });
    expect(await using).to.equal('landed');
  });

  it('has so many at once at most; the others wait their turn, or until their signal fires', async () => {
    const sessions = pool({ most: 1 });
    const order: number[] = [];
    const first = sessions.use('writing', never, async () => {
      await sleep(50);
      order.push(0);
    });
    const impatient = new AbortController();
    const second = refused(sessions.use('writing', impatient.signal, async () => order.push(1)));
    const third = sessions.use('writing', never, async () => order.push(2));
    impatient.abort(new Error('impatient'));
    expect((await second).message).to.equal('impatient');
    await Promise.all([first, third]);
    expect(order).to.deep.equal([0, 2]);
    expect(made).to.have.lengthOf(1);
  });

  it('keeps its places when a connection cannot be made', async () => {
    let tries = 0;
    const sessions = pool({
      most: 1,
      connect: async () => {
        tries += 1;
        if (tries < 3) throw new Error('denied');
        return new FakeSession();
      },
    });
    const call = () => sessions.use('opening', never, async () => {});
    for (let n = 0; n < 2; n++) expect(instructionOf(await refused(call()))).to.equal('config');
    await call();
  });

  it('waits when it is closed for what goes on, lets nothing begin, and can be opened again', async () => {
    const sessions = pool();
    let done = false;
    const using = sessions.use('writing', never, async () => {
      await sleep(50);
      done = true;
    });
    await sleep(10);
    await sessions.close();
    expect([done, made[0]?.ended]).to.deep.equal([true, true]);
    await using;
    expect(messageOf(await refused(sessions.use('writing', never, async () => {})))).to.equal(
      'writing: the connections are closed',
    );
    await sessions.close();
    sessions.open();
    await sessions.use('writing', never, async () => {});
    await sessions.close();
  });
});
