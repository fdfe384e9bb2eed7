import { expect } from 'chai';
import { isJson } from '../../core/json.js';

const texts = Number(process.env['TEXTS'] ?? 200_000);
const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);

describe(`isJson says what JSON.parse says (SEED=${seed} TEXTS=${texts})`, () => {
  const agree = (text: string) => {
    expect(isJson(Buffer.from(text)), JSON.stringify(text)).to.equal(parses(text));
  };

  it('of every text of up to three characters that mean something', () => {
    const characters = [...'{}[],:"\\tu0 1-+.eE\n', '\u0000', '\u001f', '\u007f', '\u00a0', '\ufeff', 'é'];
    for (const a of ['', ...characters]) {
      for (const b of ['', ...characters]) for (const c of characters) agree(a + b + c);
    }
  });

  it('of texts made of its pieces, and of good ones with something changed', function () {
    this.timeout(60_000);
    let state = seed;
    const below = (limit: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return (state >>> 8) % limit;
    };
    const pieces = [
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"a"',
        '"',
        '\\',
        '\\u12aF',
        '\\n',
        '\\x',
        '0',
        '-0',
        '01',
        '1.5',
        '.5',
      ],
      ...[
        '1.',
        '1e5',
        '1E+5',
        '1e-',
        'e',
        'true',
        'tru',
        'false',
        'null',
        'nul',
        'NaN',
        ' ',
        '\n',
        '\t',
        '\r',
      ],
      ...[
        '\f',
        '{}',
        '[]',
        '[1,2]',
        '{"a":1}',
        '"\\ud800"',
        '"é😀"',
        '//',
        "'",
        '-',
        '+1',
        '1e400',
        '\u0000',
      ],
    ];
    let good = 0;
    for (let n = 0; n < texts; n++) {
      let text = '';
      if (below(2) === 0) {
        for (let count = 1 + below(8); count > 0; count--) text += pieces[below(pieces.length)];
      } else {
        text = makeValue(below, 3);
        if (below(2) === 0) {
          const at = below(text.length + 1);
          text = text.slice(0, at) + pieces[below(pieces.length)] + text.slice(at + below(3));
        }
      }
      agree(text);
      if (parses(text)) good++;
    }
    expect(good / texts).to.be.within(0.2, 0.8);
  });

  it('of a million brackets, open or closed', () => {
    expect(isJson(Buffer.from('['.repeat(1e6) + ']'.repeat(1e6)))).to.equal(true);
    expect(isJson(Buffer.from('['.repeat(1e6) + ']'.repeat(1e6 - 1)))).to.equal(false);
    expect(isJson(Buffer.from('{"a":'.repeat(1e6)))).to.equal(false);
  });
});

function makeValue(below: (limit: number) => number, depth: number): string {
  const space = below(4) === 0 ? ' ' : '';
  const members = Array.from({ length: depth === 0 ? 0 : below(4) }, () => makeValue(below, depth - 1));
  switch (depth === 0 ? 2 + below(4) : below(6)) {
    case 0:
      return `[${space}${members.join(`,${space}`)}${space}]`;
    case 1:
      return `{${space}${members.map((value, index) => `"k${index}"${space}:${value}`).join(',')}}`;
    case 2:
      return `${below(2) === 0 ? '-' : ''}${below(1000)}${below(2) === 0 ? `.${below(100)}` : ''}`;
    case 3:
      return `"${['', 'x', 'é', '\\"', '\\\\', '\\u00e9', '\\/'][below(7)]}"`;
    case 4:
      return ['true', 'false', 'null'][below(3)] ?? '';
    default:
      return `${below(10)}e${below(2) === 0 ? '+' : ''}${below(30)}`;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
