import { expect } from 'chai';
import { Caution } from '../../core/caution.js';
import { deferred } from '../../core/deferred.js';
import type { SealedBatch } from '../../core/spool.js';

const batch = (id: string) => ({ id, rows: [], bytes: 0 }) as unknown as SealedBatch;

describe('a batch at which a process has died', () => {
  it('is written while no other one is, once', async () => {
    const caution = new Caution({
      deaths: (id) => (id === 'suspect' ? 1 : 0),
      begin: (id) => void events.push(`begin ${id}`),
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
});
