import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import { refused } from '../../core/conformance/index.js';
import { deferred } from '../../core/kit/deferred.js';
import { Turns } from '../../server/turns.js';

describe('turns', () => {
  it('are so many at once, and those that wait get in one after the other', async () => {
    const turns = new Turns(2, 2);
    const begun: number[] = [];
    const ends = [0, 1, 2, 3].map(() => deferred<void>());
    const runs = ends.map(({ promise }, n) =>
      turns.run(new EventEmitter(), async () => {
        begun.push(n);
        await promise;
      }),
    );
    const error = await refused(turns.run(new EventEmitter(), async () => {}));
    expect(error).to.have.property('status', 429);
    expect(begun).to.deep.equal([0, 1]);
    ends[1]?.resolve();
    await runs[1];
    expect(begun).to.deep.equal([0, 1, 2]);
    for (const { resolve } of ends) resolve();
    await Promise.all(runs);
    expect(begun).to.deep.equal([0, 1, 2, 3]);
  });

  it('end with whoever asked, and so does the waiting for one', async () => {
    const turns = new Turns(1, 2);
    const [first, second] = [new EventEmitter(), new EventEmitter()];
    const running = refused(
      turns.run(
        first,
        (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ),
    );
    const waiting = refused(turns.run(second, async () => expect.fail('it has left')));
    const last = turns.run(new EventEmitter(), async () => 'done');
    second.emit('close');
    expect((await waiting).message).to.include('has left');
    first.emit('close');
    expect((await running).message).to.include('has left');
    expect(await last).to.equal('done');
  });
});
