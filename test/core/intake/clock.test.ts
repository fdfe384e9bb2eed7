import { expect } from 'chai';
import { timestampText, unixTimestamp } from '../../../core/intake/clock.js';

describe('a timestamp', () => {
  it('is written so that it reads as the same float64', () => {
    const agree = (timestamp: number) => {
      expect(Number(timestampText(timestamp)), String(timestamp)).to.equal(timestamp);
    };
    for (let n = 0; n < 200_000; n++) agree(Math.floor(Math.random() * 4e15) / 1e6);
    for (let n = 0; n < 10_000; n++) agree(unixTimestamp());
    for (const micro of [0, 1, 9, 10, 99_999, 100_000, 999_999]) agree((1_795_518_493 * 1e6 + micro) / 1e6);
  });

  it('has microseconds, and is the time', () => {
    const times = Array.from({ length: 1000 }, unixTimestamp);
    expect(times.some((time) => !Number.isInteger(Math.round(time * 1e6) / 1e3))).to.equal(true);
    for (const time of times) expect(Math.abs(time - Date.now() / 1000)).to.be.below(1);
  });
});
