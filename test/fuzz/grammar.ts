import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { Random } from '../support/random.js';
import type { Known, Message } from './oracle.js';

/** Makes requests: mostly good ones, each part of which may be a little or quite wrong. */
export class Grammar {
  readonly #random: Random;
  readonly #known: Known;

  constructor(random: Random, known: Known) {
    this.#random = random;
    this.#known = known;
  }

  message(): Message {
    const random = this.#random;
    const encoding = random.chance(0.15)
      ? random.of([
          'gzip',
          'br',
          'deflate',
          'identity',
          'GZIP',
          'compress',
          'gzip, br',
          'identity,, gzip',
          'gzip, gzip',
          'UTF-8',
          'application/json',
        ])
      : undefined;
    const body = this.#body();
    const basic = random.chance(0.1);
    return {
      method: random.chance(0.93) ? 'POST' : random.of(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']),
      query: random.chance(0.02) ? undefined : this.#query(!basic),
      authorization: basic ? this.#authorization() : undefined,
      encoding,
      body: packed(body, encoding, random),
    };
  }

  /** As bytes, in one of the ways in which RFC 9112 lets it be written. */
  serialize({ method, query, authorization, encoding, body }: Message, last: boolean): Buffer {
    const random = this.#random;
    const target = `${random.chance(0.9) ? '/' : random.of(['/hooks', '/a/b/', '//', 'http://h.example/'])}${query === undefined ? '' : `?${query}`}`;
    const fields = [`${random.of(['Host', 'host', 'HOST'])}: 127.0.0.1`];
    if (authorization !== undefined) fields.push(`Authorization: ${authorization}`);
    if (encoding !== undefined) fields.push(`Content-Encoding: ${encoding}`);
    if (last) fields.push(`Connection: ${random.of(['close', 'Close', 'close, x'])}`);
    for (let n = random.below(4); n > 0; n--) fields.push(this.#field());
    const chunked = body.length > 0 && random.chance(0.25);
    if (chunked) fields.push(`Transfer-Encoding: ${random.of(['chunked', 'Chunked'])}`);
    else if (body.length > 0 || method === 'POST') fields.push(`Content-Length: ${body.length}`);
    const head = `${method} ${target} HTTP/1.1\r\n${this.#shuffled(fields).join('\r\n')}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), chunked ? this.#chunks(body) : body]);
  }

  /** The bytes with something done to them: then nothing is known but that they must do no harm. */
  mutated(stream: Buffer): Buffer {
    const random = this.#random;
    let bytes = Buffer.from(stream);
    for (let n = 1 + random.below(3); n > 0; n--) {
      // The head is what is read with most care, so it is hurt most often.
      const headLength = Math.max(1, bytes.indexOf('\r\n\r\n') + 4);
      const at = random.below(random.chance(0.8) ? headLength : bytes.length + 1);
      const length = 1 + random.below(random.chance(0.8) ? 4 : 200);
      const piece = bytes.subarray(at, at + length);
      const insert = (what: Buffer, skip = 0) =>
        Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at + skip)]);
      bytes = random.of([
        () => insert(Buffer.alloc(0), length),
        () => insert(piece),
        () => insert(Buffer.from(Array.from({ length }, () => random.below(256)))),
        () => insert(Buffer.from(random.of(splinters), 'latin1')),
        () => insert(Buffer.from(random.of(splinters), 'latin1'), length),
        () => insert(Buffer.from([(bytes[at] ?? 0) ^ (1 << random.below(8))]), 1),
        () => bytes.subarray(0, at),
      ])();
    }
    return bytes;
  }

  /** No request at all. */
  noise(): Buffer {
    const random = this.#random;
    const length = 1 + random.below(random.of([10, 300, 20_000]));
    return Buffer.from(
      Array.from({ length }, () => (random.chance(0.1) ? random.of([10, 13, 32, 58, 0]) : random.below(256))),
    );
  }

  #query(credentials: boolean): string {
    const random = this.#random;
    const { pipelines, key, token } = this.#known;
    const pairs = [
      `pipeline_id=${this.#odd(random.of(pipelines), ['0', '-1', '+1', '01', '9007199254740991', '9007199254740992', '1e3', '١', '', ' 1', '999'])}`,
    ];
    if (credentials || random.chance(0.2)) {
      pairs.push(
        `key=${this.#odd(random.chance(0.2) ? key.toUpperCase() : key, [token, key.slice(1), `${key}0`, key.replaceAll('-', ''), '', 'null', `{${key}}`])}`,
      );
      pairs.push(
        `token=${this.#odd(token, [key, token.slice(0, 63), `${token}x`, 'a'.repeat(256), 'a'.repeat(257), '', 'tökén', 'a b', "' OR 1=1 --"])}`,
      );
    }
    if (random.chance(0.1)) pairs.push(random.of(pairs));
    if (random.chance(0.1))
      pairs.push(
        random.of([
          'x=1',
          '=',
          '',
          'Key=1',
          'key',
          'token=',
          'token=?token=',
          'a=b?key=c',
          '%',
          '%6bey=1',
          'a=%zz',
          '__proto__=1',
          'constructor=x',
        ]),
      );
    if (random.chance(0.05)) pairs.splice(random.below(pairs.length), 1);
    const query = this.#shuffled(pairs).join(random.chance(0.05) ? '&amp;' : '&');
    if (random.chance(0.05)) return `${query}?${random.of(['a=b', 'a=b&c=d', '', 'key=x', '?'])}`;
    return random.chance(0.02) ? '' : query;
  }

  /** Mostly the value as it is, at times written otherwise, and at times another one. */
  #odd(value: string, others: readonly string[]): string {
    const random = this.#random;
    if (random.chance(0.88)) return value;
    if (random.chance(0.3))
      return value.replaceAll(/[\s\S]/g, (one) => (random.chance(0.3) ? encoded(one) : one));
    if (random.chance(0.1)) return `${value}%${random.of(['', 'z', '8', 'ff', 'c0%af', 'ed%a0%80'])}`;
    return [...random.of(others)]
      .map((one) => (/[ -~]/.test(one) && !/[&#%+ ]/.test(one) ? one : encodeURIComponent(one)))
      .join('');
  }

  #authorization(): string {
    const random = this.#random;
    const { key, token } = this.#known;
    const pair = random.of([
      `${key}:${token}`,
      `${key}:${token}`,
      `${key}:${token}`,
      `${key}:`,
      key,
      `:${token}`,
      `${token}:${key}`,
      '',
      'ü:ä',
      `${key}:${token}:x`,
    ]);
    const base64 = Buffer.from(pair).toString('base64');
    return random.of([
      `Basic ${base64}`,
      `Basic ${base64}`,
      `basic ${base64}`,
      `BASIC   ${base64}`,
      `Bearer ${token}`,
      'Basic',
      'Basic !',
      base64,
      'Digest username="x"',
    ]);
  }

  #field(): string {
    return this.#random.of([
      'User-Agent: fuzz/1.0 (x; "y")',
      'Accept: */*',
      'X-Empty:',
      'X-Tab:\ta\tb\t',
      'Content-Type: text/plain; charset=utf-16',
      'Content-Type: application/json',
      'Cookie: a=b; c=d',
      'Cookie: e=f',
      'X-Forwarded-For: 1.2.3.4, unknown, [::1]:80',
      'X-Latin: \u00e9\u00ff',
      `X-Long: ${'x'.repeat(this.#random.below(3000))}`,
      'Keep-Alive: timeout=1, max=1',
      'Origin: null',
    ]);
  }

  #chunks(body: Buffer): Buffer {
    const random = this.#random;
    const parts: Buffer[] = [];
    for (let at = 0; at < body.length; ) {
      const length = Math.min(body.length - at, 1 + random.below(random.of([2, 50, 5000])));
      const size = `${random.of(['', '0', '000'])}${random.chance(0.5) ? length.toString(16) : length.toString(16).toUpperCase()}`;
      parts.push(
        Buffer.from(`${size}${random.of(['', '', ';a', ';a=b', ';a="b;c"'])}\r\n`),
        body.subarray(at, at + length),
        Buffer.from('\r\n'),
      );
      at += length;
    }
    parts.push(Buffer.from(`0\r\n${random.of(['', '', 'X-Trailer: 1\r\n'])}\r\n`));
    return Buffer.concat(parts);
  }

  #body(): Buffer {
    const random = this.#random;
    if (random.chance(0.03)) return Buffer.from(random.of(['', ' ', '\r\n\t ', '\ufeff', '\ufeff \n']));
    const text = JSON.stringify(this.#value(4));
    const spaced = random.chance(0.2) ? ` \n${text}\t\r` : text;
    const body = Buffer.from(random.chance(0.05) ? `\ufeff${spaced}` : spaced);
    if (random.chance(0.85)) return body;
    if (random.chance(0.05))
      return Buffer.from(`"${'x'.repeat(this.#known.maxBody + random.below(2000) - 1000)}"`);
    const at = random.below(body.length + 1);
    const what = random.of([
      [0x80],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xff],
      [0],
      [0x1f],
      [0x22],
      [0x5c],
      [0x2c],
      [0x5d],
      [0x30],
    ]);
    return Buffer.concat([body.subarray(0, at), Buffer.from(what), body.subarray(at + random.below(2))]);
  }

  #value(depth: number): unknown {
    const random = this.#random;
    if (depth === 0 || random.chance(0.4)) {
      return random.of<unknown>([
        null,
        true,
        false,
        0,
        -0.5,
        1e300,
        12345678901234567000n.toString(),
        '',
        'ä😀\u0000\u2028',
        '\ud800',
        '"\\\n',
        'x'.repeat(random.below(500)),
      ]);
    }
    const items = Array.from({ length: random.below(5) }, () => this.#value(depth - 1));
    return random.chance(0.5)
      ? items
      : Object.fromEntries(items.map((item, n) => [random.of(['a', 'ключ', '', `k${n}`]), item]));
  }

  #shuffled<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let n = shuffled.length - 1; n > 0; n--) {
      const other = this.#random.below(n + 1);
      [shuffled[n], shuffled[other]] = [shuffled[other] as T, shuffled[n] as T];
    }
    return shuffled;
  }
}

/** What parsers stumble over. */
const splinters = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '%',
  '%00',
  '%0d%0a',
  '/../',
  '?',
  '#',
  '\x7f',
  '\x80',
  '\xff',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Transfer-Encoding: identity\r\n',
  'Expect: 100-continue\r\n',
  'Connection: upgrade\r\nUpgrade: websocket\r\n',
  'Content-Encoding: gzip\r\n',
  ' HTTP/1.1',
  'HTTP/9.9',
  'GET ',
  'ffffffffffffffff\r\n',
  '0\r\n\r\n',
  '-1\r\n',
  'Host: x\r\n',
];

function encoded(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

const packers: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  gzip: gzipSync,
  br: brotliCompressSync,
  deflate: deflateSync,
};

function packed(body: Buffer, encoding: string | undefined, random: Random): Buffer {
  const packs = (encoding ?? '').split(/[, ]+/).map((name) => packers[name.toLowerCase()]);
  if (random.chance(0.1)) return body;
  const whole = packs.reduce((packed, pack) => pack?.(packed) ?? packed, body);
  if (whole === body) return body;
  return random.chance(0.1) ? whole.subarray(0, random.below(whole.length)) : whole;
}
