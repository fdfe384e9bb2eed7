import { expect } from 'chai';
import { readBody } from '../../core/intake/body.js';
import { readCredentials } from '../../core/intake/request.js';
import { sized } from '../support/attack.js';

const key = 'd538b946-9d55-405a-9bd2-72d74b1cb8f5';

/** RFC 3629: first bytes, and what may follow the first; all further ones are 80 to BF. */
const wellFormed: readonly (readonly [
  from: number,
  to: number,
  second: readonly [number, number],
  more: number,
])[] = [
  [0xc2, 0xdf, [0x80, 0xbf], 0],
  [0xe0, 0xe0, [0xa0, 0xbf], 1],
  [0xe1, 0xec, [0x80, 0xbf], 1],
  [0xed, 0xed, [0x80, 0x9f], 1],
  [0xee, 0xef, [0x80, 0xbf], 1],
  [0xf0, 0xf0, [0x90, 0xbf], 2],
  [0xf1, 0xf3, [0x80, 0xbf], 2],
  [0xf4, 0xf4, [0x80, 0x8f], 2],
];

/** By the table above, and nothing else. */
function isUtf8(bytes: readonly number[]): boolean {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++] as number;
    if (first < 0x80) continue;
    const row = wellFormed.find(([from, to]) => first >= from && first <= to);
    if (row === undefined) return false;
    const [, , [least, most], more] = row;
    const second = bytes[at++] ?? 0;
    if (second < least || second > most) return false;
    for (let n = 0; n < more; n++) {
      const next = bytes[at++] ?? 0;
      if (next < 0x80 || next > 0xbf) return false;
    }
  }
  return true;
}

/** Every class of bytes at every place of a sequence: whole, cut off, overlong, surrogates, past U+10FFFF, of 5 and 6 bytes. */
function* sequences(): Generator<readonly number[]> {
  const edges = [0x22, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff];
  for (let first = 0x80; first <= 0xff; first++) {
    yield [first];
    for (let second = 0x80; second <= 0xff; second++) yield [first, second];
    for (const second of edges) {
      for (const third of edges) {
        yield [first, second, third];
        for (const fourth of edges) yield [first, second, third, fourth];
      }
    }
    yield [first, 0x80, 0x80, 0x80, 0x80];
    yield [first, 0x80, 0x80, 0x80, 0x80, 0x80];
    yield [first, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf];
  }
}

describe('UTF-8 of every kind', function () {
  this.timeout(60_000);
  const all = [...sequences()].filter((bytes) => !bytes.includes(0x22));
  const good = all.filter(isUtf8);

  it('in a body is taken byte for byte where RFC 3629 knows it, and refused where not', () => {
    expect(good.length).to.be.within(1000, all.length / 4);
    for (const bytes of all) {
      for (const [before, after] of [
        ['"', '"'],
        ['{"a', '":0}'],
        [`"${'x'.repeat(100)}`, 'x"'],
      ] as const) {
        const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
        const got = readBody(body);
        if (isUtf8(bytes) !== Buffer.isBuffer(got)) expect.fail(`${String(got)}: ${body.toString('hex')}`);
      }
    }
  });

  it('it has to be: UTF-16, UTF-32 and Latin-1 are refused', () => {
    for (const text of ['{"a":"é"}', '["é"]']) {
      const little = Buffer.from(text, 'utf16le');
      const big = Buffer.from(little).swap16();
      const four = Buffer.from(Uint32Array.from(text, (one) => one.charCodeAt(0)).buffer);
      const marked = (mark: string, body: Buffer) => Buffer.concat([Buffer.from(mark, 'hex'), body]);
      for (const body of [
        little,
        big,
        four,
        marked('fffe', little),
        marked('feff', big),
        marked('fffe0000', four),
        Buffer.from(text, 'latin1'),
      ]) {
        expect(readBody(body), body.toString('hex')).to.equal('INVALID_PARAMETER: body');
      }
    }
  });

  it('outside strings is refused', () => {
    for (const bytes of good.slice(0, 500)) {
      expect(readBody(Buffer.from([0x5b, ...bytes, 0x5d])), String(bytes)).to.equal(
        'INVALID_PARAMETER: body',
      );
    }
  });

  it('in a parameter, percent-encoded or raw, is never of its form', () => {
    // Each of them takes two digests.
    for (const bytes of all.filter((_, at) => at % sized(16, 4) === 0)) {
      const encoded = bytes.map((byte) => `%${byte.toString(16)}`).join('');
      for (const odd of [encoded, Buffer.from(bytes).toString('latin1')]) {
        const token = readCredentials(`pipeline_id=1&key=${key}&token=a${odd}`);
        const name = readCredentials(`pipeline_id=1&key=${key}&token=a&token${odd}=b`);
        if (token !== 'INVALID_PARAMETER: token')
          expect.fail(`${JSON.stringify(token)}: ${JSON.stringify(odd)}`);
        if (typeof name === 'string')
          expect.fail(`a further parameter disturbed: ${name}: ${JSON.stringify(odd)}`);
      }
    }
  });

  it('in an Authorization header is never of its form', () => {
    for (const bytes of all) {
      const pair = Buffer.concat([Buffer.from(`${key}:a`), Buffer.from(bytes)]).toString('base64');
      const read = readCredentials('pipeline_id=1', `Basic ${pair}`);
      if (read !== 'INVALID_PARAMETER: token') expect.fail(`${JSON.stringify(read)}: ${pair}`);
      const raw = readCredentials('pipeline_id=1', `Basic ${Buffer.from(bytes).toString('latin1')}`);
      if (raw !== 'MISSING_PARAMETER: key') expect.fail(`${JSON.stringify(raw)}: ${bytes}`);
    }
  });
});
