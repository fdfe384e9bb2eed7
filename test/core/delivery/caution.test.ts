import { expect } from 'chai';
import { RetryableError } from '../../../core/contract/errors.js';
import type { SealedBatch } from '../../../core/contract/spool.js';
import { Caution } from '../../../core/delivery/caution.js';
import { deferred } from '../../../core/kit/deferred.js';

const batch = (id: string) => ({ id, rows: [], bytes: 0 }) as unknown as SealedBatch;

describe('a batch at which a process has died', () => {
  it('is written while no other one is, once', async () => {
    const caution = new Caution({
      deaths: (id) => (id === 'suspect' ? 1 : 0),
      begin: (id) => void events.push(`begin ${id}`),
      died: (id) => void events.push(`died ${id}`),
      end: (id, over) => void events.push(`end ${id} ${over}`),
    });
    const events: string[] = [];
    const [first, suspect] = [deferred<void>(), deferred<void>()];
    const writes = [
      caution.write(batch('first'), () => first.promise),
      caution.write(batch('suspect'), () => suspect.promise),
      caution.write(batch('last'), async () => {}),
    ];
    await new Promise(setImmediate);
    expect(events).to.deep.equal(['begin first']);
    first.resolve();
    await new Promise(setImmediate);
    expect(events).to.deep.equal(['begin first', 'end first true', 'begin suspect']);
    suspect.reject(new Error('down'));
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect(events.slice(3)).to.deep.equal(['end suspect false', 'begin last', 'end last true']);
    const again = deferred<void>();
    const second = caution.write(batch('suspect'), () => again.promise);
    await caution.write(batch('meanwhile'), async () => {});
    again.resolve();
    await second;
  });

  it('counts also where that was one of the destination, and is then as never tried', async () => {
    let deaths = 1;
    const caution = new Caution({
      deaths: () => deaths,
      begin: () => undefined,
      died: () => void deaths++,
      end: () => undefined,
    });
    const fails = (error: Error) =>
      caution.write(batch('large'), () => Promise.reject(error)).catch(() => undefined);
    await fails(new RetryableError('down'));
    expect([deaths, caution.isUntouched(batch('large'))]).to.deep.equal([1, false]);
    await fails(new RetryableError('ended', { killed: true }));
    expect([deaths, caution.isUntouched(batch('large'))]).to.deep.equal([2, true]);
    expect(caution.isSuspect(batch('large'))).to.equal(true);
  });
});
