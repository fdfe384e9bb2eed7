import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { refused } from '../../../core/conformance/index.js';
import { pulled } from '../../../core/kit/pulled.js';

describe('pulled', () => {
  it('gives what is offered, one at a time as it is asked for', async () => {
    const steps: string[] = [];
    const list = pulled<number>(async (offer) => {
      for (const n of [1, 2, 3]) {
        steps.push(`offers ${n}`);
        await offer(n);
      }
      steps.push('ends');
    });
    expect(steps).to.deep.equal([]);
    for await (const n of list) {
      await sleep(5);
      steps.push(`takes ${n}`);
    }
    expect(steps).to.deep.equal([
      'offers 1',
      'takes 1',
      'offers 2',
      'takes 2',
      'offers 3',
      'takes 3',
      'ends',
    ]);
  });

  it('passes on what the work fails with, and what was offered before', async () => {
    const seen: number[] = [];
    const list = pulled<number>(async (offer) => {
      await offer(1);
      throw new RangeError('broken');
    });
    const error = await refused(
      (async () => {
        for await (const n of list) seen.push(n);
      })(),
    );
    expect([error.message, seen]).to.deep.equal(['broken', [1]]);
  });

  it('ends the work when nobody asks any more, and is over when the work is', async () => {
    let state = 'open';
    const list = pulled<number>(async (offer) => {
      try {
        for (let n = 1; ; n++) await offer(n);
      } finally {
        await sleep(20);
        state = 'closed';
      }
    });
    for await (const n of list) if (n === 3) break;
    expect(state).to.equal('closed');
  });

  it('begins nothing when it is never asked', async () => {
    let begun = false;
    const list = pulled<number>(async () => {
      begun = true;
    });
    await list.return();
    expect(begun).to.equal(false);
  });
});
