import { request } from 'node:http';
import zlib, {
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  deflateRawSync,
  deflateSync,
  gzipSync,
} from 'node:zlib';
import { expect } from 'chai';
import { accepted, decode, isUnsupported } from '../../server/webhooks/encoding.js';
import { Scoreboard, seed, sized } from '../support/attack.js';
import { Hookline, type TestToken } from '../support/hookline.js';
import { MemoryWatch, memoryOf } from '../support/process-usage.js';
import { Random } from '../support/random.js';
import { slowdown } from '../support/slowdown.js';
import { exchange } from './wire.js';

const mebibyte = 1024 ** 2;
const maxBody = 10 * mebibyte;
const text = Buffer.from('{"packed": true}');

const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

const packers = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  'deflate, without its header': deflateRawSync,
  br: (body: Buffer) => brotliCompressSync(body, quick),
} as const;
const names = Object.keys(packers) as (keyof typeof packers)[];

/** What the header says. */
const codingOf = (name: string) => name.split(',')[0] as string;

describe(`packed bodies (SEED=${seed})`, function () {
  this.timeout(sized(60_000, 200_000));

  describe('of each encoding', () => {
    for (const name of names) {
      const pack = packers[name];
      const unpack = (packed: Buffer) => decode(packed, codingOf(name), maxBody);

      it(`${name}: cut off anywhere, or followed by anything, is broken`, async () => {
        const whole = pack(text);
        expect(await unpack(whole)).to.deep.equal(text);
        for (let end = 1; end < whole.length; end++) {
          expect(await unpack(whole.subarray(0, end)), `cut at ${end}`).to.equal('broken');
        }
        for (const more of ['x', '\x1f', '\x1f\x8b', '{}', '\0x']) {
          expect(await unpack(Buffer.concat([whole, Buffer.from(more, 'latin1')])), more).to.equal('broken');
        }
      });

      it(`${name}: with bits turned is unpacked or broken, and never our fault`, async () => {
        const random = new Random(seed);
        const whole = pack(
          Buffer.from(JSON.stringify(Array.from({ length: 50 }, (_, n) => ({ n, x: 'y'.repeat(n) })))),
        );
        for (let n = 0; n < sized(500, 20_000); n++) {
          const turned = Buffer.from(whole);
          for (let bits = 1 + random.below(4); bits > 0; bits--) {
            const at = random.below(turned.length);
            turned[at] = (turned[at] as number) ^ (1 << random.below(8));
          }
          const got = await unpack(turned).catch((error) =>
            expect.fail(`${error.code} SEED=${seed}: ${turned.toString('hex')}`),
          );
          if (typeof got === 'string') expect(got).to.be.oneOf(['broken', 'too large']);
          else expect(got.length).to.be.at.most(maxBody);
        }
      });

      it(`${name}: unpacks to 200 times its size, and to 1 MiB whatever its size; not further`, async () => {
        expect(await unpack(pack(Buffer.alloc(mebibyte, ' ')))).to.have.length(mebibyte);
        expect(await unpack(pack(Buffer.alloc(mebibyte + 1, ' ')))).to.equal('too large');
        const dense = Buffer.alloc(maxBody, ' ');
        const random = new Random(seed);
        for (let at = 0; at < dense.length; at += 200) dense[at] = 33 + random.below(90);
        expect(maxBody / pack(dense).length).to.be.within(10, 200);
        expect(await unpack(pack(dense))).to.deep.equal(dense);
        expect(await unpack(pack(Buffer.concat([dense, text])))).to.equal('too large');
      });
    }

    it('gzip of several members is their texts in a row', async () => {
      const members = Buffer.concat([gzipSync('[1,'), gzipSync(''), gzipSync('2]')]);
      expect(String(await decode(members, 'gzip', maxBody))).to.equal('[1,2]');
      const member = gzipSync(Buffer.alloc(mebibyte / 2, ' '));
      const bomb = Buffer.concat(Array.from({ length: 2000 }, () => member));
      expect(await decode(bomb, 'gzip', maxBody)).to.equal('too large');
    });
  });

  it('twice over unpack no further than once', async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(maxBody, ' ')));
    expect(bomb.length).to.be.below(1000);
    expect(await decode(bomb, 'gzip, gzip', maxBody)).to.equal('too large');
  });

  it('in zstd are undone where Node has it, and refused elsewhere', async () => {
    const pack = (zlib as { readonly zstdCompressSync?: (body: Buffer) => Buffer }).zstdCompressSync;
    expect(accepted.includes('zstd')).to.equal(pack !== undefined);
    if (pack === undefined) {
      expect(isUnsupported(Buffer.from('28b52ffd0400', 'hex'), 'zstd')).to.equal(true);
      return;
    }
    const whole = pack(text);
    expect(isUnsupported(whole, 'zstd')).to.equal(false);
    expect(await decode(whole, 'zstd', maxBody)).to.deep.equal(text);
    expect(await decode(whole.subarray(0, -3), 'zstd', maxBody)).to.equal('broken');
    expect(await decode(Buffer.concat([whole, text]), 'zstd', maxBody)).to.equal('broken');
    expect(await decode(Buffer.from('{'), 'zstd', maxBody)).to.equal('broken');
    expect(await decode(pack(Buffer.alloc(2 * mebibyte, ' ')), 'zstd', maxBody)).to.equal('too large');
  });

  describe('that a server is sent', () => {
    const board = new Scoreboard('bombs');
    let server: Hookline;
    let token: TestToken;
    let url: string;

    before(async () => {
      server = await Hookline.create(`destinations:
  out: { type: memory }
pipelines:
  1: { destination: out, table: rows }
`);
      token = await server.token();
      url = token.urls['1'] as string;
      await server.start();
    });
    after(async () => {
      await server?.destroy();
      board.print();
    });

    async function send(packed: Buffer, encoding: string): Promise<{ status: number }> {
      return new Promise((resolve, reject) => {
        const headers = { 'Content-Encoding': encoding, 'Content-Length': packed.length };
        const call = request(url, { method: 'POST', headers, agent: false }, (response) => {
          response.resume().on('end', () => resolve({ status: response.statusCode ?? 0 }));
        });
        call.on('error', reject).end(packed);
      });
    }

    const answerTo = async (encoding: string, body: Buffer) => {
      const response = await fetch(url, { method: 'POST', headers: { 'Content-Encoding': encoding }, body });
      const { error } = (await response.json()) as { error?: string };
      return error === undefined ? String(response.status) : `${response.status} ${error}`;
    };

    it('are answered by what they are', async () => {
      const whole = gzipSync('{"a":1}');
      const orders = Array.from({ length: 20_000 }, (_, id) => ({ id, status: 'paid', currency: 'EUR' }));
      const cases: readonly [what: string, encoding: string, body: Buffer, answer: string][] = [
        ['as it should be', 'gzip', whole, '200'],
        ['of many like objects, which pack to a hundredth', 'gzip', gzipSync(JSON.stringify(orders)), '200'],
        ['with zeros behind it', 'gzip', Buffer.concat([whole, Buffer.alloc(100)]), '200'],
        [
          'with a second document behind it',
          'gzip',
          Buffer.concat([whole, whole]),
          '400 INVALID_PARAMETER: body',
        ],
        ['cut off', 'gzip', whole.subarray(0, -3), '400 INVALID_PARAMETER: body'],
        ['not packed at all', 'br', Buffer.from('{}'), '200'],
        ['not packed at all, and no JSON', 'br', Buffer.from('{'), '400 INVALID_PARAMETER: body'],
        ['packed twice', 'gzip, gzip', gzipSync(whole), '200'],
        ['said twice, and packed once', 'gzip, gzip', whole, '200'],
        ['packed twice, in two ways', 'br, identity, gzip', gzipSync(brotliCompressSync('{"a":1}')), '200'],
        ['packed twice, and said once', 'gzip', gzipSync(whole), '400 INVALID_PARAMETER: body'],
        ['packed five times', 'gzip, gzip, gzip, gzip, gzip', gzipSync(whole), '415 UNSUPPORTED_ENCODING'],
        ['in what is no encoding', 'UTF-8', Buffer.from('{}'), '200'],
        ['in what is no encoding, and no JSON', 'UTF-8', whole, '400 INVALID_PARAMETER: body'],
        ['in what is no encoding, and packed', 'utf-8, gzip', whole, '200'],
        ['in an encoding that is not undone', 'compress', whole, '415 UNSUPPORTED_ENCODING'],
        [
          'in an encoding that is not undone, and no body',
          'compress',
          Buffer.alloc(0),
          '415 UNSUPPORTED_ENCODING',
        ],
        ['in an encoding that is not undone, and plain', 'compress', Buffer.from('{}'), '200'],
        ['of nothing', 'gzip', gzipSync(''), '400 NO_BODY_PROVIDED'],
        ['of 9 MiB of one letter', 'gzip', gzipSync(`"${'0'.repeat(9 * mebibyte)}"`), '413 BODY_TOO_LARGE'],
      ];
      for (const [what, encoding, body, answer] of cases) {
        expect(await answerTo(encoding, body), what).to.equal(answer);
      }
    });

    it('as bombs, 64 at once, on and on, take little memory, and honest senders are served on', async () => {
      const [ack] = (await server.children()).filter(({ name }) => name.startsWith('ack'));
      const packed = [
        ['gzip', await packedBlanks(createGzip())],
        ['deflate', await packedBlanks(createDeflate())],
        ['br', await packedBlanks(createBrotliCompress(quick))],
      ] as const;
      let bombs = 0;
      let wrong = 0;
      let on = false;
      let throwers: Promise<unknown> = Promise.resolve();
      const attack = {
        begin: async (port: number) => {
          // A decoy would unpack nothing: without this one there is no attack.
          on = port === Number(new URL(url).port);
          const one = async () => {
            while (on) {
              const [encoding, bomb] = packed[bombs % 3] as (typeof packed)[number];
              const { status } = await send(bomb, encoding);
              bombs++;
              if (status !== 413) wrong++;
            }
          };
          throwers = Promise.all(Array.from({ length: 64 }, one));
        },
        end: async () => {
          on = false;
          await throwers;
        },
      };
      const before = memoryOf(ack?.pid as number).own;
      const watch = new MemoryWatch(ack?.pid as number);
      const { ratio, unanswered, without, under } = await slowdown(
        url,
        sized(1, 5),
        sized(1000, 2000),
        attack,
      );
      const { own } = watch.stop();
      console.log(
        `      ${bombs} bombs; honest answers a round: ${without}, under attack ${under} (${ratio.toFixed(2)}); ack worker ${before} -> ${own} MiB`,
      );
      board.add('bombs of 256 MiB, 64 at once', bombs);
      expect(bombs).to.be.at.least(64);
      expect(wrong).to.equal(0);
      expect(unanswered).to.equal(0);
      expect(own - before, 'MiB').to.be.below(300);
      // Senders and attackers share the machine's cores: how much is left to them is the machine's affair, but no standstill.
      expect(ratio).to.be.greaterThan(0);
    });

    it('in a million chunks of one byte, take no more memory than their bytes', async () => {
      const [ack] = (await server.children()).filter(({ name }) => name.startsWith('ack'));
      const before = memoryOf(ack?.pid as number).own;
      const watch = new MemoryWatch(ack?.pid as number);
      const thousands = sized(300, 2000);
      const head = `POST ${url.slice(server.webhookUrl.length)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const pieces = [head, ...Array(thousands).fill('1\r\n \r\n'.repeat(1000)), '2\r\n{}\r\n0\r\n\r\n'];
      const { answers } = await exchange(
        server.webhookPort,
        pieces.map((piece) => Buffer.from(piece)),
        { patience: 30_000 },
      );
      expect(answers.map(({ status }) => status)).to.deep.equal([200]);
      expect(watch.stop().own - before, 'MiB').to.be.below(sized(50, 120));
      board.add('chunks of one byte', thousands * 1000);
    });
  });
});

/** White space of 256 MiB, as a stream makes it. */
async function packedBlanks(packer: NodeJS.ReadWriteStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  packer.on('data', (part) => parts.push(part));
  const ended = new Promise((resolve) => packer.once('end', resolve));
  const blank = Buffer.alloc(mebibyte, ' ');
  for (let n = 0; n < 256; n++) {
    if (!packer.write(blank)) await new Promise((resolve) => packer.once('drain', resolve));
  }
  packer.end();
  await ended;
  return Buffer.concat(parts);
}
