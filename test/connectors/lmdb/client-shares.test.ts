import { expect } from 'chai';
import { ClientShares } from '../../../connectors/lmdb/client-shares.js';

describe('what each client has taken of the share of unproven records', () => {
  it('is less once less is left of all of it, and nothing once that is', () => {
    const shares = new ClientShares();
    shares.take('a', 300);
    shares.take('b', 100);
    shares.settle(1000);
    expect([shares.of('a'), shares.of('b'), shares.of('c')]).to.deep.equal([300, 100, 0]);
    shares.settle(200);
    expect([shares.of('a'), shares.of('b')]).to.deep.equal([150, 50]);
    shares.take('b', 100);
    expect(shares.of('b')).to.equal(150);
    shares.settle(0);
    shares.take('b', 10);
    expect([shares.of('a'), shares.of('b')]).to.deep.equal([0, 10]);
  });

  it('is forgotten of those that took long ago, however many addresses there are', () => {
    const shares = new ClientShares();
    for (let n = 0; n < 30_000; n++) shares.take(String(n), 1);
    expect([shares.of('0'), shares.of('29999')]).to.deep.equal([0, 1]);
  });
});
