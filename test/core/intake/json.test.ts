import { expect } from 'chai';
import { isJson } from '../../../core/intake/json.js';

/** Longer texts, changed in every way, are in `test/fuzz/json.test.ts`. */
describe('isJson says what JSON.parse says', () => {
  const agree = (text: string) => {
    expect(isJson(Buffer.from(text)), JSON.stringify(text)).to.equal(parses(text));
  };

  it('of every text of up to three characters that mean something', () => {
    const characters = [...'{}[],:"\\tu0 1-+.eE\n', '\u0000', '\u001f', '\u007f', '\u00a0', '\ufeff', 'é'];
    for (const a of ['', ...characters]) {
      for (const b of ['', ...characters]) for (const c of characters) agree(a + b + c);
    }
  });

  it('of a million brackets, open or closed', () => {
    expect(isJson(Buffer.from('['.repeat(1e6) + ']'.repeat(1e6)))).to.equal(true);
    expect(isJson(Buffer.from('['.repeat(1e6) + ']'.repeat(1e6 - 1)))).to.equal(false);
    expect(isJson(Buffer.from('{"a":'.repeat(1e6)))).to.equal(false);
  });
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
