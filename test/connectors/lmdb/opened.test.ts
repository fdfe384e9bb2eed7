import { expect } from 'chai';
import { Opened } from '../../../connectors/lmdb/opened.js';

describe('what is opened once', () => {
  /** Opens that end when they are told to. */
  const openings = () => {
    const ends: (() => void)[] = [];
    const begin = () => new Promise<number>((resolve) => ends.push(() => resolve(ends.length)));
    return { ends, begin };
  };

  it('is opened once for all who ask at the same time', async () => {
    const { ends, begin } = openings();
    const opened = new Opened<number>();
    const asked = Promise.all([opened.open(begin), opened.open(begin)]);
    expect(opened.value).to.equal(undefined);
    for (const end of ends) end();
    await asked;
    await opened.open(begin);
    expect([opened.value, ends.length]).to.deep.equal([1, 1]);
  });

  it('is taken by one alone, also while it is just being opened, and is not open then', async () => {
    const { ends, begin } = openings();
    const opened = new Opened<number>();
    const opening = opened.open(begin);
    const taken = Promise.all([opened.take(), opened.take()]);
    ends[0]?.();
    await opening;
    expect(await taken).to.deep.equal([1, undefined]);
    expect(opened.value).to.equal(undefined);
    expect(await opened.take()).to.equal(undefined);
  });

  it('is opened anew after it was taken, or could not be opened', async () => {
    const opened = new Opened<number>();
    const failed = await opened
      .open(() => Promise.reject(new Error('no')))
      .catch((error: Error) => error.message);
    expect(failed).to.equal('no');
    await opened.open(async () => 1);
    expect(await opened.take()).to.equal(1);
    await opened.open(async () => 2);
    expect(opened.value).to.equal(2);
  });
});
