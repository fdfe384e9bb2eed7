import { expect } from 'chai';
import { Pace } from '../../../connectors/lmdb/journal/pace.js';

describe('the pace of the journal', () => {
  /** Two hundred writes, one after the other; times in milliseconds. */
  const paced = ({ write, work, records, waiting }: Readonly<Record<string, number>>): Pace => {
    const pace = new Pace();
    let [now, idle] = [1000, 500];
    for (let n = 0; n < 200; n++) {
      const busy = (work as number) * (records as number);
      const began = now;
      now += Math.max(write as number, busy);
      idle += Math.max(0, (write as number) - busy);
      pace.landed(records as number, waiting as number, began, now, idle);
    }
    return pace;
  };

  it('lets all share a write that takes longer than the work on them', () => {
    const { enough } = paced({ write: 5, work: 0.01, records: 40, waiting: 24 });
    expect(enough).to.equal(Number.POSITIVE_INFINITY);
  });

  it('waits for a half where the work takes longer than a write', () => {
    expect(paced({ write: 0.3, work: 0.01, records: 40, waiting: 24 }).enough).to.equal(32);
    expect(paced({ write: 0.3, work: 0.01, records: 61, waiting: 2 }).enough).to.equal(32);
  });

  it('lets a few senders share each write', () => {
    expect(paced({ write: 0.3, work: 0.01, records: 2, waiting: 2 }).enough).to.equal(
      Number.POSITIVE_INFINITY,
    );
  });

  it('learns nothing from a pause', () => {
    const pace = paced({ write: 0.3, work: 0.01, records: 32, waiting: 32 });
    pace.landed(32, 32, 1e6, 1e6 + 1, 1e6);
    expect(pace.enough).to.equal(32);
  });
});
