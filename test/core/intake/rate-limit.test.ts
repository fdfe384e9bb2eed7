import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { RateLimit } from '../../../core/intake/rate-limit.js';

describe('a rate limit', () => {
  it('lets a second’s worth in at once, and then as much as it refills', async () => {
    const begun = performance.now();
    const limit = new RateLimit({ requests: 10 });
    const waits = Array.from({ length: 12 }, () => limit.take(1));
    expect(waits).to.deep.equal([...Array(10).fill(0), 1, 1]);
    await sleep(350);
    const later = Array.from({ length: 12 }, () => limit.take(1)).filter((wait) => wait === 0);
    expect(later.length).to.be.within(3, Math.min(10, (performance.now() - begun) / 100 + 1));
  });

  it('lets one body in that is larger than a second’s worth of bytes, and says how long it takes to be paid', () => {
    const limit = new RateLimit({ bytes: 1000 });
    expect(limit.take(5500)).to.equal(0);
    expect(limit.take(1)).to.be.within(4, 5);
  });

  it('holds to both of its sides', () => {
    const limit = new RateLimit({ requests: 2, bytes: 1000 });
    expect([limit.take(10), limit.take(10), limit.take(10)]).to.deep.equal([0, 0, 1]);
    const bytes = new RateLimit({ requests: 100, bytes: 1000 });
    expect([bytes.take(600), bytes.take(600), bytes.take(600)]).to.deep.equal([0, 0, 1]);
  });

  it('lets in less than one a second, and its share of a limit', async () => {
    const slow = new RateLimit({ requests: 0.5 });
    expect([slow.take(1), slow.take(1)]).to.deep.equal([0, 2]);
    const half = new RateLimit({ requests: 10 }, 0.5);
    expect(Array.from({ length: 10 }, () => half.take(1)).filter((wait) => wait === 0)).to.have.length(5);
  });

  it('is none at all without a side', () => {
    const limit = new RateLimit({});
    for (let n = 0; n < 1000; n++) expect(limit.take(1e9)).to.equal(0);
  });
});
