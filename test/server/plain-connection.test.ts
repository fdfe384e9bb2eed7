import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { ProcessMetrics } from '../../core/contract/metrics.js';
import type { Spool } from '../../core/contract/spool.js';
import { BodyBudget } from '../../core/intake/body-budget.js';
import { Clients } from '../../core/intake/client.js';
import { Door } from '../../core/intake/door.js';
import { Ingest } from '../../core/intake/ingest.js';
import { Proven } from '../../core/intake/proven.js';
import { AnyRequest } from '../../server/webhooks/any-request.js';
import { WebhookListener } from '../../server/webhooks/listener.js';
import { readPlainHead } from '../../server/webhooks/plain-request.js';
import { Random } from '../support/random.js';

const good = `/?pipeline_id=1&key=d538b946-9d55-405a-9bd2-72d74b1cb8f5&token=${'a'.repeat(64)}`;
const maxBody = 200_000;
const streams = Number(process.env['STREAMS'] ?? 600);
const seed = Number(process.env['SEED'] ?? 20261124);

/** `node:http` is the authority on what a request is: a plain connection has to answer the same bytes. */
describe(`a plain connection answers as node:http does (SEED=${seed} STREAMS=${streams})`, () => {
  const ingest = new Ingest(
    fakeSpool(),
    new Map([['1', { id: '1', name: '1', table: 't', destinations: ['out'], paused: false }]]),
    new Map(),
    new Door(new Clients(), new Proven(fakeSpool()), { network: 16 }),
    console as never,
    new ProcessMetrics(),
  );
  const patience = { headerTimeout: 10_000, bodyTimeout: 10_000, keepAlive: 65_000 };
  const bodies = { total: 1e9, client: 1e9 };
  const listener = new WebhookListener(ingest, {
    host: '127.0.0.1',
    port: 0,
    maxBody,
    bodies,
    limits: { network: 16 },
    ...patience,
  });
  const reference = new AnyRequest(ingest, new BodyBudget(bodies, 16), maxBody).server(patience);
  let port: number;
  let referencePort: number;

  before(async () => {
    port = await listener.listen();
    await new Promise<void>((resolve) => reference.listen(0, '127.0.0.1', resolve));
    referencePort = (reference.address() as AddressInfo).port;
  });

  after(async () => {
    await listener.close(100);
    reference.closeAllConnections();
    reference.close();
  });

  it('to streams of requests in any shape and in any pieces', async function () {
    this.timeout(300_000);
    const random = new Random(seed);
    const prove = async ({ pieces, half }: Sent, n: number) => {
      const [ours, theirs] = await Promise.all([
        exchange(port, pieces, half),
        exchange(referencePort, pieces, half),
      ]);
      const sent = `${JSON.stringify(Buffer.concat(pieces).toString('latin1')).slice(0, 3000)}${half ? ' and its end' : ''}`;
      const length = ours.cut || theirs.cut ? Math.min(ours.text.length, theirs.text.length) : undefined;
      expect(ours.text.slice(0, length), `stream ${n}: ${sent}`).to.equal(theirs.text.slice(0, length));
    };
    let plain = 0;
    for (let n = 0; n < streams; n += 100) {
      const group = Array.from({ length: 100 }, () => makeSent(random));
      plain += group.filter(
        ({ pieces: [first] }) => first !== undefined && readPlainHead(first, undefined) !== undefined,
      ).length;
      await Promise.all(group.map((one, index) => prove(one, n + index)));
    }
    expect(plain / streams, 'the share of streams that begin plain').to.be.within(0.2, 0.9);
  });
});

interface Sent {
  readonly pieces: Buffer[];
  /** The sender closes its side behind them. */
  readonly half: boolean;
}

/** Some requests in a row, of which the last one ends the connection, or is broken, or breaks off with its sender. */
function makeSent(random: Random): Sent {
  const requests: Buffer[] = [];
  for (let n = random.below(4); n > 0; n--) requests.push(makeRequest(random, random.chance(0.7)));
  const half = random.chance(0.4);
  const close = half && random.chance(0.5) ? undefined : 'Connection: close';
  const last = random.chance(0.15) ? makeBroken(random) : makeRequest(random, true, close);
  const stream = Buffer.concat([...requests, last]);
  const end = half && random.chance(0.2) ? 1 + random.below(stream.length - 1) : stream.length;
  return { pieces: cut(stream.subarray(0, end), random), half };
}

const bodies = [
  '{}',
  '[1,2]',
  '"x"',
  'null',
  ' ',
  '{',
  '\ufeff{}',
  `"${'é😀'.repeat(300)}"`,
  `"${'x'.repeat(70_000)}"`,
];

/** A request that is well-formed, though not always one that we take. */
function makeRequest(random: Random, plain: boolean, field?: string): Buffer {
  const body = Buffer.from(random.of(bodies));
  const method = plain ? 'POST' : random.of(['POST', 'GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);
  const target = random.of([
    good,
    good,
    '/',
    '/?',
    '/a/b?x=1',
    good.replace('=1', '=%31'),
    good.replace('=1', '=2'),
    good.replace('key', 'Key'),
    '/??',
    `/?a="<>\\^\`{|}~`,
    ...(plain ? [] : [`http://host${good}`, '*']),
  ]);
  const fields = [`Host: ${random.of(['a', '127.0.0.1:80', '[::1]:8080'])}`];
  const further = [
    'User-Agent: x/1.0 (y; "z")',
    'Accept: */*',
    'X-Empty:',
    'x_under: a\tb',
    'Content-Type: application/json',
    'Authorization: Basic ZDUzOGI5NDYtOWQ1NS00MDVhLTliZDItNzJkNzRiMWNiOGY1OmFiYw==',
    'Connection: keep-alive',
    'connection:Keep-Alive ',
    'Keep-Alive: timeout=5',
    'Cookie: a=b; c=d',
    ...(plain ? [] : ['Content-Encoding: identity', 'Content-Encoding: zip', 'TE: trailers', 'X-Latin: é']),
  ];
  for (let n = random.below(5); n > 0; n--) fields.push(random.of(further));
  if (field !== undefined) fields.push(field);
  const chunked = !plain && random.chance(0.3);
  fields.push(
    chunked
      ? 'Transfer-Encoding: chunked'
      : random.of(['Content-Length: ', 'content-length:', 'CONTENT-LENGTH:  ']) + body.length,
  );
  shuffle(fields, random);
  const head = `${method} ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`;
  const sent = chunked
    ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])
    : body;
  return Buffer.concat([Buffer.from(head, 'latin1'), sent]);
}

/** What no parser may take, or what no two parsers should take differently; and a good one after it. */
function makeBroken(random: Random): Buffer {
  const line = `POST ${good} HTTP/1.1\r\n`;
  const broken = random.of([
    `${line}Content-Length: 2\r\n\r\n{}`,
    `${line}Host: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}`,
    `${line}Host: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}`,
    `${line}Host: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    `${line}Host: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
    `${line}Host: a\r\nContent-Length: -2\r\n\r\n{}`,
    `${line}Host: a\r\nContent-Length: 2,2\r\n\r\n{}`,
    `${line}Host: a\r\nContent-Length: 0x2\r\n\r\n{}`,
    `${line}Host: a\r\nContent-Length : 2\r\n\r\n{}`,
    `${line}Host: a\r\n Content-Length: 2\r\n\r\n{}`,
    `${line}Host: a\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n{}`,
    `${line}Host: a\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}`,
    `${line}Host: a\nContent-Length: 2\n\n{}`,
    `${line}Host: a\r\nBad Name: x\r\nContent-Length: 2\r\n\r\n{}`,
    `${line}: x\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`,
    `${line}Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}`,
    `POST  ${good} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`,
    `POST ${good} HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`,
    `POST ${good} HTTP/1.2\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`,
    `POST ${good} HTTP/2.0\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`,
    `POST ${good}\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`,
    `POST ${good}\tHTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`,
    `post ${good} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`,
    '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ]);
  const next = `POST ${good} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`;
  return Buffer.from(broken + next, 'latin1');
}

function shuffle(list: unknown[], random: Random): void {
  for (let n = list.length - 1; n > 0; n--) {
    const other = random.below(n + 1);
    [list[n], list[other]] = [list[other], list[n]];
  }
}

/** In one piece, or cut anywhere. */
function cut(stream: Buffer, random: Random): Buffer[] {
  if (stream.length < 2 || random.chance(0.5)) return [stream];
  const places = Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(stream.length - 1));
  const sorted = [0, ...places.sort((a, b) => a - b), stream.length];
  return sorted.slice(1).map((end, index) => stream.subarray(sorted[index], end));
}

/** Sends the pieces one by one and collects what comes until the server closes, without what differs by nature. */
async function exchange(
  port: number,
  pieces: readonly Buffer[],
  half: boolean,
): Promise<{ text: string; cut: boolean }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).setNoDelay();
  const chunks: Buffer[] = [];
  let cut = false;
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.once('end', () => socket.end());
  socket.on('error', () => {
    cut = true;
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await sleep(1);
    if (socket.writable) socket.write(piece);
  }
  if (half) socket.end();
  const late = setTimeout(() => socket.destroy(new Error('the server did not close')), 5000);
  await closed;
  clearTimeout(late);
  const text = Buffer.concat(chunks)
    .toString('latin1')
    .replaceAll(/^Date: .*$/gm, 'Date: …')
    .replaceAll(/"__kdd_request_id": "[a-z]{20}"/g, '"__kdd_request_id": "…"')
    .replaceAll(/"__kdd_request_unix_timestamp": [0-9.]+/g, '"__kdd_request_unix_timestamp": …')
    .replaceAll(/^Content-Length: 1[12][0-9]$/gm, 'Content-Length: …');
  // Whether the end is known already when a request is answered, depends on how fast it comes.
  const connection = /^Connection: (?:close|keep-alive\r\nKeep-Alive: timeout=65)$/gm;
  return { text: half ? text.replaceAll(connection, 'Connection: …') : text, cut };
}

/** Takes anything, after a while. */
function fakeSpool(): Spool {
  return { append: () => sleep(Math.random() < 0.5 ? 0 : 2) } as unknown as Spool;
}
