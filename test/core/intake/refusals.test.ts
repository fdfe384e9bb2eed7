import { expect } from 'chai';
import { Refusals } from '../../../core/intake/refusals.js';

describe('the last refusals', () => {
  it('are some of each pipeline, and the newest come first', () => {
    const refusals = new Refusals();
    for (let n = 0; n < 200; n++) {
      refusals.note('1', 'INVALID_PARAMETER: body', `203.0.113.${n}`, () => ({ size: n }));
    }
    refusals.note('2', 'NO_BODY_PROVIDED', '', () => ({}));
    expect(refusals.list(1000, '1')).to.have.length(50);
    expect(refusals.list(1000, '1').map(({ size }) => size))
      .to.include(199)
      .and.not.to.include(149);
    expect(refusals.list(1000)).to.have.length(51);
    expect(refusals.list(3)).to.have.length(3);
  });

  it('are one entry for a client that is refused alike, on and on, whose fields are looked up once', () => {
    const refusals = new Refusals();
    let looked = 0;
    const details = () => ({ size: ++looked });
    for (let n = 0; n < 5; n++) refusals.note('', 'TOO_MANY_REQUESTS', '203.0.113.7', details);
    refusals.note('', 'TOO_MANY_REQUESTS', '203.0.113.8', details);
    expect(
      refusals
        .list(10, '')
        .map(({ count }) => count)
        .sort(),
    ).to.deep.equal([1, 5]);
    expect(looked).to.equal(2);
  });
});
