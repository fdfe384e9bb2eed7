import { expect } from 'chai';
import type { FoundRow } from '../support/ack-log.js';
import { letterOf } from '../support/letter.js';
import { faultless, Judge } from './judge.js';

const key = 'd538b946-9d55-405a-9bd2-72d74b1cb8f5';
const numbers = [1, 2, 3, 4, 5];

/** A judge who cannot condemn proves nothing. */
describe('the checker of the crash test', () => {
  let judge: Judge;

  beforeEach(() => {
    judge = new Judge([
      { name: 'good', seed: 7, poison: 0, key, welcome: true },
      { name: 'bad', seed: 7, poison: 0, key, welcome: false },
    ]);
    for (const number of numbers)
      judge.told('good', { number, connection: 'c', id: `id${number}`, at: number });
    judge.told('good', { number: 6, connection: 'c' });
    judge.told('bad', { number: 1, connection: 'b', id: 'bad1', at: 1 });
  });

  const row = (number: number, changes: Partial<FoundRow> = {}): FoundRow => ({
    requestId: `id${number}`,
    timestamp: number,
    key,
    body: letterOf(7, 'good', number, 0).body,
    ...changes,
  });
  const found = (...rows: FoundRow[]) => {
    for (const one of rows) judge.found(one);
    return judge.verdict();
  };
  const all = numbers.map((number) => row(number));

  it('finds no fault with what was acked, nor with one that was not answered and landed once', () => {
    expect(found(...all)).to.deep.equal(faultless);
    expect(found(row(6, { requestId: 'any' }))).to.deep.equal(faultless);
  });

  it('finds what is lost', () => {
    expect(found(...all.slice(1))).to.deep.equal({ ...faultless, lost: 1 });
    expect(judge.missing()).to.deep.equal(['id1']);
  });

  it('finds what is doubled, under its own id or without an answer under two', () => {
    expect(found(...all, row(3))).to.deep.equal({ ...faultless, doubled: 1 });
    found(row(6, { requestId: 'one' }));
    expect(found(row(6, { requestId: 'two' })).doubled).to.equal(2);
  });

  it('finds a body, a timestamp and a key that are altered by the least', () => {
    const body = Buffer.from(row(1).body);
    body[20] = (body.at(-10) ?? 0) ^ 1;
    for (const changes of [{ body }, { timestamp: 1.000001 }, { key: key.replace('d', 'e') }]) {
      judge = new Judge([{ name: 'good', seed: 7, poison: 0, key, welcome: true }]);
      judge.told('good', { number: 1, connection: 'c', id: 'id1', at: 1 });
      expect(found(row(1, changes))).to.deep.equal({ ...faultless, altered: 1 });
    }
  });

  it('finds a row that overtook another one of its connection', () => {
    expect(found(row(1), row(3), row(2), row(4), row(5))).to.deep.equal({ ...faultless, reordered: 1 });
  });

  it('finds rows of a sender with a wrong token, and of nobody', () => {
    const stranger = row(1, { requestId: 'bad1', body: letterOf(7, 'bad', 1, 0).body });
    const nobody = row(1, { requestId: 'x', body: Buffer.from('{}') });
    expect(found(...all, stranger, nobody)).to.deep.equal({ ...faultless, strange: 2 });
  });

  it('knows each row again after it has forgotten it: as a stranger', () => {
    expect(found(...all)).to.deep.equal(faultless);
    judge.forget();
    expect(judge.missing()).to.deep.equal([]);
    expect(found(row(2)).strange).to.equal(1);
  });
});
