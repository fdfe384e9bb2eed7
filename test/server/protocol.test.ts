import { connect } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type Answer, eventually, Hookline } from '../support/hookline.js';

const key = 'd538b946-9d55-405a-9bd2-72d74b1cb8f5';
const token = 'a'.repeat(64);
const good = `pipeline_id=835212&key=${key}&token=${token}`;

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly answer: Answer;
}

describe('the webhook protocol', () => {
  let server: Hookline;

  before(async function () {
    this.timeout(30_000);
    server = await Hookline.create(
      `destinations:
  out: { type: memory }
pipelines:
  835212: { name: One, destination: out, table: one }
  9007199254740991: { name: Two, destination: out, table: two }
  7: { name: Limited, destination: out, table: three, limit: { requests: 3 } }
`,
      { webhooks: ', maxBody: 64KiB, headerTimeout: 2s, bodyTimeout: 2s' },
    );
    await server.start();
  });

  after(() => server.destroy());

  async function post(
    query: string,
    body: string | Uint8Array = '{}',
    init: RequestInit = {},
  ): Promise<Reply> {
    const response = await fetch(`${server.webhookUrl}${query}`, { method: 'POST', body, ...init });
    return {
      status: response.status,
      headers: response.headers,
      answer: (await response.json()) as Answer,
    };
  }

  describe('an accepted request', () => {
    it('is answered 200 with a request id of 20 letters and a float timestamp in seconds', async () => {
      const { status, headers, answer } = await post(`/?${good}`);
      expect(status).to.equal(200);
      expect(headers.get('content-type')).to.match(/^application\/json/);
      expect(answer.success).to.equal(true);
      expect(answer.data?.__kdd_request_id).to.match(/^[a-z]{20}$/);
      const timestamp = answer.data?.__kdd_request_unix_timestamp ?? 0;
      expect(Math.abs(timestamp - Date.now() / 1000)).to.be.below(5);
      expect(Object.keys(answer)).to.deep.equal(['success', 'data']);
    });

    it('has microseconds in its timestamp', async () => {
      const stamps = await Promise.all(Array.from({ length: 20 }, () => post(`/?${good}`)));
      const fractions = stamps.map(({ answer }) => (answer.data?.__kdd_request_unix_timestamp ?? 0) * 1000);
      expect(
        fractions.some((milliseconds) => Math.abs(milliseconds - Math.round(milliseconds)) > 0.001),
      ).to.equal(true);
    });

    it('never gets the id of another one', async () => {
      const replies = await Promise.all(Array.from({ length: 500 }, () => post(`/?${good}`)));
      expect(new Set(replies.map(({ answer }) => answer.data?.__kdd_request_id)).size).to.equal(500);
    });

    for (const [what, query] of [
      ['the parameters in another order', `/?token=${token}&pipeline_id=835212&key=${key}`],
      ['further parameters', `/?utm_source=x&${good}&a=%ZZ&=&&b`],
      ['a URL without a slash before the question mark', `?${good}`],
      ['a key in upper case', `/?${good.replace(key, key.toUpperCase())}`],
      ['a parameter given twice with the same value', `/?${good}&key=${key}`],
      [
        'percent-encoding that is not needed',
        `/?${good.replace('pipeline_id', 'pipeline%5Fid').replace('token=a', 'token=%61')}`,
      ],
      ['the largest pipeline id', `/?${good.replace('835212', '9007199254740991')}`],
      ['a token of one character', `/?pipeline_id=835212&key=${key}&token=Z`],
      ['a token of 256 characters', `/?pipeline_id=835212&key=${key}&token=${'9'.repeat(256)}`],
      ['a wrong token: that is found out in a second moment', `/?pipeline_id=835212&key=${key}&token=wrong`],
    ] as const) {
      it(`may have ${what}`, async () => {
        expect((await post(query)).status).to.equal(200);
      });
    }

    it('may have any Content-Type, or none', async () => {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'nonsense']) {
        expect((await post(`/?${good}`, '{}', { headers: { 'Content-Type': type } })).status).to.equal(200);
      }
    });
  });

  describe('the Authorization header', () => {
    const basic = (text: string) => ({
      headers: { Authorization: `Basic ${Buffer.from(text).toString('base64')}` },
    });

    it('may carry key and token instead of the URL', async () => {
      expect((await post('/?pipeline_id=835212', '{}', basic(`${key}:${token}`))).status).to.equal(200);
    });

    it('does not count where the URL has them', async () => {
      expect((await post(`/?${good}`, '{}', basic('x:-'))).status).to.equal(200);
    });

    it('alone, without a query string, is missing the pipeline', async () => {
      const { status, answer } = await post('/', '{}', basic(`${key}:${token}`));
      expect([status, answer.error]).to.deep.equal([400, 'MISSING_PARAMETER: pipeline_id']);
    });

    it('gets the same errors', async () => {
      const errorFor = async (text: string) =>
        (await post('/?pipeline_id=835212', '{}', basic(text))).answer.error;
      expect(await errorFor(`${key}:`)).to.equal('MISSING_PARAMETER: token');
      expect(await errorFor(`:${token}`)).to.equal('MISSING_PARAMETER: key');
      expect(await errorFor(`${token}:${token}`)).to.equal('INVALID_PARAMETER: key');
      expect(await errorFor(`${key}:${key}`)).to.equal('INVALID_PARAMETER: token');
    });

    it('of another scheme carries nothing', async () => {
      const { answer } = await post('/?pipeline_id=835212', '{}', { headers: { Authorization: 'Bearer x' } });
      expect(answer.error).to.equal('MISSING_PARAMETER: key');
    });
  });

  describe('a refused request is answered 400', () => {
    const refusals: readonly (readonly [string, string, string, string?])[] = [
      ['NO_PARAMETERS_PROVIDED', 'there is no query string', '/'],
      ['NO_PARAMETERS_PROVIDED', 'the query string is empty', '/?'],
      ['MISSING_PARAMETER: pipeline_id', 'only foreign parameters are there', '/?a=b'],
      ['MISSING_PARAMETER: pipeline_id', 'pipeline_id is absent', `/?key=${key}&token=${token}`],
      ['MISSING_PARAMETER: pipeline_id', 'pipeline_id is empty', `/?pipeline_id=&key=${key}&token=${token}`],
      ['MISSING_PARAMETER: pipeline_id', 'everything is empty', '/?pipeline_id=&key=&token='],
      ['MISSING_PARAMETER: key', 'key is absent', `/?pipeline_id=835212&token=${token}`],
      ['MISSING_PARAMETER: key', 'key has no value', `/?pipeline_id=835212&key&token=${token}`],
      ['MISSING_PARAMETER: token', 'token is absent', `/?pipeline_id=835212&key=${key}`],
      [
        'MISSING_PARAMETER: token',
        'token is missing and the others are not of their form',
        '/?pipeline_id=x&key=y',
      ],
      [
        'INVALID_PARAMETER: pipeline_id',
        'pipeline_id is no number',
        `/?pipeline_id=abc&key=${key}&token=${token}`,
      ],
      [
        'INVALID_PARAMETER: pipeline_id',
        'pipeline_id has a sign',
        `/?pipeline_id=%2B835212&key=${key}&token=${token}`,
      ],
      [
        'INVALID_PARAMETER: pipeline_id',
        'pipeline_id has a leading zero',
        `/?pipeline_id=0835212&key=${key}&token=${token}`,
      ],
      [
        'INVALID_PARAMETER: pipeline_id',
        'pipeline_id is past 2^53-1',
        `/?pipeline_id=9007199254740992&key=${key}&token=${token}`,
      ],
      [
        'INVALID_PARAMETER: pipeline_id',
        'pipeline_id is given twice with different values',
        `/?pipeline_id=1&${good}`,
      ],
      ['INVALID_PARAMETER: pipeline_id', 'all three are not of their form', '/?pipeline_id=x&key=y&token=-'],
      [
        'INVALID_PARAMETER: pipeline_id',
        'no pipeline has that id',
        `/?pipeline_id=1&key=${key}&token=${token}`,
      ],
      [
        'INVALID_PARAMETER: pipeline_id',
        'no pipeline has that id, and there is no body',
        `/?pipeline_id=1&key=${key}&token=${token}`,
        '',
      ],
      [
        'INVALID_PARAMETER: key',
        'the token stands in the place of the key',
        `/?pipeline_id=835212&key=${token}&token=${token}`,
      ],
      [
        'INVALID_PARAMETER: key',
        'key and token are the wrong way round',
        `/?pipeline_id=835212&key=${token}&token=${key}`,
      ],
      ['INVALID_PARAMETER: key', 'key is no UUID', `/?pipeline_id=835212&key=d538b946&token=${token}`],
      [
        'INVALID_PARAMETER: key',
        'the percent-encoding of key is broken',
        `/?pipeline_id=835212&key=%E0%A4%A&token=${token}`,
      ],
      [
        'INVALID_PARAMETER: token',
        'the key stands in the place of the token',
        `/?pipeline_id=835212&key=${key}&token=${key}`,
      ],
      ['INVALID_PARAMETER: token', 'token has a hyphen', `/?pipeline_id=835212&key=${key}&token=ab-cd`],
      [
        'INVALID_PARAMETER: token',
        'token is longer than 256 characters',
        `/?pipeline_id=835212&key=${key}&token=${'a'.repeat(257)}`,
      ],
      ['INVALID_PARAMETER: token', 'token is given twice with different values', `/?${good}&token=b`],
      [
        'INVALID_PARAMETER: token',
        'token has letters past ASCII',
        `/?pipeline_id=835212&key=${key}&token=%C3%A4`,
      ],
      ['NO_BODY_PROVIDED', 'the body is empty', `/?${good}`, ''],
      ['NO_BODY_PROVIDED', 'the body is nothing but white space', `/?${good}`, ' \t\r\n '],
      ['NO_BODY_PROVIDED', 'the body is nothing but a byte-order mark', `/?${good}`, '\ufeff'],
      ['INVALID_PARAMETER: body', 'the body is no JSON', `/?${good}`, 'a=b'],
      ['INVALID_PARAMETER: body', 'the body is cut off', `/?${good}`, '{"a": '],
      ['INVALID_PARAMETER: body', 'the body has two JSON texts', `/?${good}`, '{} {}'],
      [
        'INVALID_PARAMETER: body',
        'the body has a raw control character in a string',
        `/?${good}`,
        '"\u0000"',
      ],
      ['INVALID_PARAMETER: body', 'the body has a no-break space outside a string', `/?${good}`, '\u00a0{}'],
      ['INVALID_PARAMETER: body', 'the body has a byte-order mark in the middle', `/?${good}`, '[\ufeff]'],
      ['INVALID_PARAMETER: body', 'the body has NaN', `/?${good}`, 'NaN'],
    ];

    for (const [error, when, query, body] of refusals) {
      it(`${error} when ${when}`, async () => {
        const reply = await post(query, body ?? '{}');
        expect(reply.status).to.equal(400);
        expect(reply.answer).to.deep.equal({ success: false, error });
      });
    }

    for (const [when, bytes] of [
      ['is Latin-1', [0x22, 0xe4, 0x22]],
      ['has an overlong sequence', [0x22, 0xc0, 0x80, 0x22]],
      ['has a surrogate in UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22]],
      ['is cut within a character', [0x22, 0xe2, 0x82, 0x22]],
    ] as const) {
      it(`INVALID_PARAMETER: body when the body ${when}`, async () => {
        const reply = await post(`/?${good}`, Uint8Array.from(bytes));
        expect([reply.status, reply.answer.error]).to.deep.equal([400, 'INVALID_PARAMETER: body']);
      });
    }
  });

  describe('outside the 400s', () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      it(`answers 405 METHOD_NOT_ALLOWED with Allow: POST to ${method}`, async () => {
        const response = await fetch(`${server.webhookUrl}/?${good}`, { method });
        expect(response.status).to.equal(405);
        expect(response.headers.get('allow')).to.equal('POST');
        expect(await response.json()).to.deep.equal({ success: false, error: 'METHOD_NOT_ALLOWED' });
      });
    }

    it('answers 429 TOO_MANY_REQUESTS with Retry-After past the limit of a pipeline, and 200 again after it', async () => {
      const limited = `/?${good.replace('835212', '7')}`;
      const replies = await Promise.all(Array.from({ length: 20 }, () => post(limited)));
      const refused = replies.filter(({ status }) => status !== 200);
      // The fewer, the longer they take: it refills meanwhile.
      expect(refused.length).to.be.within(1, 17);
      for (const { status, headers, answer } of refused) {
        expect(status).to.equal(429);
        expect(headers.get('retry-after')).to.equal('1');
        expect(answer).to.deep.equal({ success: false, error: 'TOO_MANY_REQUESTS' });
      }
      expect((await post(`/?${good}`)).status).to.equal(200);
      await eventually('it has refilled', async () => (await post(limited)).status === 200 || undefined);
    });

    it('answers 413 BODY_TOO_LARGE by the announced length, without reading the rest', async () => {
      const head = `POST /?${good} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n{`;
      expect(await raw(server, head)).to.match(/^HTTP\/1\.1 413 [\s\S]*BODY_TOO_LARGE/);
    });

    it('answers 413 to a client that waits for 100 Continue, instead of the go-ahead', async () => {
      const head = `POST /?${good} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n`;
      expect(await raw(server, head)).to.match(/^HTTP\/1\.1 413 /);
    });

    it('counts a chunked body as it comes, and answers 413 past the limit', async () => {
      const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`;
      const head = `POST /?${good} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
      expect(await raw(server, head + chunk.repeat(5))).to.match(/^HTTP\/1\.1 413 [\s\S]*BODY_TOO_LARGE/);
    });

    it('lets a sender that is still writing see the 413', async () => {
      const { status, answer } = await post(`/?${good}`, 'x'.repeat(20_000_000));
      expect([status, answer.error]).to.deep.equal([413, 'BODY_TOO_LARGE']);
    });

    it('takes a body of exactly the limit, and refuses one byte more', async () => {
      expect((await post(`/?${good}`, `"${'x'.repeat(65_534)}"`)).status).to.equal(200);
      expect((await post(`/?${good}`, `"${'x'.repeat(65_535)}"`)).status).to.equal(413);
    });

    it('answers 415 UNSUPPORTED_ENCODING with Accept-Encoding to an encoding that it does not undo', async () => {
      for (const encoding of ['compress', 'gzip, compress', 'Snappy']) {
        const reply = await post(`/?${good}`, '\u0000', { headers: { 'Content-Encoding': encoding } });
        expect([reply.status, reply.answer.error]).to.deep.equal([415, 'UNSUPPORTED_ENCODING']);
        expect(reply.headers.get('accept-encoding')).to.match(/^gzip, br, deflate(, zstd)?$/);
      }
    });

    it('takes JSON as it came, whatever its Content-Encoding says', async () => {
      for (const encoding of ['UTF-8', 'none', 'application/json', 'constructor', 'gzip', 'br', 'compress']) {
        expect(
          (await post(`/?${good}`, '{}', { headers: { 'Content-Encoding': encoding } })).status,
        ).to.equal(200);
      }
    });

    for (const [encoding, pack] of [
      ['gzip', gzipSync],
      ['GZIP', gzipSync],
      ['deflate', deflateSync],
      ['deflate', deflateRawSync],
      ['br', brotliCompressSync],
      ['identity', (text: Buffer) => text],
    ] as const) {
      it(`undoes Content-Encoding: ${encoding} (${pack.name || 'as it is'})`, async () => {
        const init = { headers: { 'Content-Encoding': encoding } };
        expect((await post(`/?${good}`, pack(Buffer.from('{"packed": true}')), init)).status).to.equal(200);
        expect((await post(`/?${good}`, pack(Buffer.from('no JSON')), init)).answer.error).to.equal(
          'INVALID_PARAMETER: body',
        );
      });
    }

    it('answers 400 INVALID_PARAMETER: body to a packed body that is broken', async () => {
      const init = { headers: { 'Content-Encoding': 'gzip' } };
      expect((await post(`/?${good}`, '{', init)).answer.error).to.equal('INVALID_PARAMETER: body');
    });

    it('answers 413 to a small body that unpacks past the limit', async () => {
      const init = { headers: { 'Content-Encoding': 'gzip' } };
      const bomb = gzipSync(Buffer.alloc(10_000_000, ' '));
      expect((await post(`/?${good}`, bomb, init)).status).to.equal(413);
    });

    it('closes the connection of a sender that never finishes its header', async function () {
      this.timeout(10_000);
      expect(await raw(server, 'POST / HTTP/1.1\r\nHost: x\r\n')).to.match(/^HTTP\/1\.1 408 |^$/);
    });

    it('closes the connection of a sender that never finishes its body', async function () {
      this.timeout(15_000);
      const head = `POST /?${good} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{`;
      expect(await raw(server, head)).to.match(/^HTTP\/1\.1 408 |^$/);
    });
  });

  it('takes any path', async () => {
    for (const path of ['/hooks', '/hooks/', '//a/%20/835213']) {
      expect((await post(`${path}?${good}`, '{}')).status, path).to.equal(200);
    }
  });

  it('takes a target without a path, however it is sent', async () => {
    const chunked = 'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n';
    const plain = 'Content-Length: 2\r\n\r\n{}';
    const head = `POST ?${good} HTTP/1.1\r\nHost: x\r\n`;
    for (const rest of [`Connection: close\r\n${plain}`, chunked, `TE: trailers\r\n${plain}`]) {
      expect(await raw(server, head + rest), rest).to.match(/^HTTP\/1\.1 200 [\s\S]*Connection: close/);
    }
    const answers = await raw(server, `${head}${plain}${head}Connection: close\r\n${plain}`);
    expect(answers).to.match(/^HTTP\/1\.1 200 /);
    expect(await raw(server, `GET ?${good} HTTP/1.1\r\nHost: x\r\n\r\n`)).to.match(/^HTTP\/1\.1 405 /);
  });

  it('keeps a connection for several requests', async () => {
    const request = `POST /?${good} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`;
    const last = request.replace('Host: x', 'Host: x\r\nConnection: close');
    const answers = await raw(server, request + request + last);
    expect(answers.match(/HTTP\/1\.1 200 /g)).to.have.length(3);
  });

  it('answers 503 OVERLOADED with Retry-After when the spool is full, and 200 again when it is not', async function () {
    this.timeout(40_000);
    const full = await Hookline.create(
      `spool: { type: lmdb, path: ./data/spool, maxSize: 1MiB, maxUnproven: 1MiB }
destinations:
  out: { type: memory }
pipelines:
  1: { destination: out, table: one, paused: true }
`,
    );
    try {
      await full.start();
      const url = `${full.webhookUrl}/?pipeline_id=1&key=${key}&token=${token}`;
      const body = JSON.stringify('x'.repeat(50_000));
      while ((await full.post(url, body)).status === 200);
      while ((await full.admin('/ready')).status === 200) await full.post(url, '1');
      const refused = await fetch(url, { method: 'POST', body: '1' });
      expect(refused.status).to.equal(503);
      expect(Number(refused.headers.get('retry-after'))).to.be.greaterThan(0);
      expect(await refused.json()).to.deep.equal({ success: false, error: 'OVERLOADED' });
      expect((await full.admin('/live')).status).to.equal(200);

      await full.stop();
      await full.configure(`spool: { type: lmdb, path: ./data/spool, maxSize: 1MiB, maxUnproven: 1MiB }
destinations:
  out: { type: memory }
pipelines:
  1: { destination: out, table: one }
`);
      await full.start().catch(() => undefined);
      await eventually('it accepts again', async () => {
        const { status } = await full.post(url, body);
        return status === 200 || undefined;
      });
    } finally {
      await full.destroy();
    }
  });
});

/** Sends bytes as they are; resolves to all that came back when the server has closed the connection. */
function raw(server: Hookline, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.webhookPort, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', () => undefined).on('close', () => resolve(answer));
    socket.write(bytes);
  });
}
