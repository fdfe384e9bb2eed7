import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { ProcessMetrics } from '../../core/contract/metrics.js';
import type { Spool } from '../../core/contract/spool.js';
import { BodyBudget, type BodyRoom } from '../../core/intake/body-budget.js';
import { Clients } from '../../core/intake/client.js';
import { Door, type DoorLimits } from '../../core/intake/door.js';
import { Ingest } from '../../core/intake/ingest.js';
import { Proven } from '../../core/intake/proven.js';
import { AnyRequest } from '../../server/webhooks/any-request.js';
import { WebhookListener } from '../../server/webhooks/listener.js';
import { eventually } from '../support/hookline.js';

const key = 'd538b946-9d55-405a-9bd2-72d74b1cb8f5';
const good = `/?pipeline_id=1&key=${key}&token=${'a'.repeat(64)}`;
const maxBody = 200_000;
const times = { headerTimeout: 60_000, bodyTimeout: 60_000, keepAlive: 60_000 };

/** This machine is a client like any other here. */
class Named extends Clients {
  override of(): string {
    return '203.0.113.7';
  }

  override atOtherEnd(): string {
    return '203.0.113.7';
  }
}

/** Keeps nothing: a fake, as what is proven here comes before the spool. */
const spool = { append: () => Promise.resolve(), senders: {} } as unknown as Spool;

function makeIngest(limits: Omit<DoorLimits, 'network'> = {}, proven = new Proven(spool)): Ingest {
  const pipeline = { id: '1', name: '1', table: 't', destinations: ['out'], paused: false };
  const logger = { error: () => undefined, warn: () => undefined } as never;
  const door = new Door(new Named(), proven, { ...limits, network: 16 });
  const limitsOf = new Map();
  return new Ingest(spool, new Map([['1', pipeline]]), limitsOf, door, logger, new ProcessMetrics());
}

/** Sends these bytes and no more; resolves to the status and the error that come first. */
function ask(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    let text = '';
    socket.setEncoding('latin1').on('error', reject);
    socket.on('close', () => reject(new Error(`closed after: ${text}`)));
    socket.on('data', (chunk) => {
      text += chunk;
      const [, status, body] = /^HTTP\/1\.1 (\d+) [\s\S]*?\r\n\r\n(\{.*\})/.exec(text) ?? [];
      if (status === undefined) return;
      socket.removeAllListeners('close').destroy();
      resolve([status, JSON.parse(body as string).error ?? ''].join(' ').trim());
    });
  });
}

const post = (target: string, fields: string) => `POST ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`;

describe('what the head decides', () => {
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  async function listen(
    limits: Omit<DoorLimits, 'network'> = {},
    bodies = { total: 1e9, client: 1e9 },
    proven = new Proven(spool),
  ) {
    const options = { host: '127.0.0.1', port: 0, maxBody, bodies, limits: { network: 16 }, ...times };
    const listener = new WebhookListener(makeIngest(limits, proven), options);
    closers.push(() => listener.close(0));
    return listener.listen();
  }

  const long = 'Content-Length: 5000000';
  const mine = 'Content-Length: 100000';

  it('is answered while not a byte of the body has come, in the order of the protocol', async () => {
    const port = await listen();
    for (const [what, answer] of [
      [`POST / HTTP/1.1\r\n${long}\r\n\r\n`, '400 MALFORMED_REQUEST'],
      [`PUT / HTTP/1.1\r\nHost: a\r\n${long}\r\n\r\n`, '405 METHOD_NOT_ALLOWED'],
      [post('/', long), '400 NO_PARAMETERS_PROVIDED'],
      [post('/?pipeline_id=x', long), '400 MISSING_PARAMETER: key'],
      [post(good.replace(key, 'x'), long), '400 INVALID_PARAMETER: key'],
      [post(good.replace('=1', '=2'), long), '400 INVALID_PARAMETER: pipeline_id'],
      [post(good, long), '413 BODY_TOO_LARGE'],
      [post(good, `Expect: 100-continue\r\n${long}`), '413 BODY_TOO_LARGE'],
      [post('/', 'Transfer-Encoding: chunked'), '400 NO_PARAMETERS_PROVIDED'],
      [post('/', `Content-Encoding: compress\r\n${mine}`), '400 NO_PARAMETERS_PROVIDED'],
    ] as const) {
      expect(await ask(port, what), what).to.equal(answer);
    }
  });

  it('is 429 for a client at its limit, before every other answer', async () => {
    const port = await listen({ client: { requests: 0.001 } });
    expect(await ask(port, `${post(good, 'Content-Length: 2')}{}`)).to.equal('200');
    for (const what of [
      `POST / HTTP/1.1\r\n\r\n`,
      'what is that?\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`,
      'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
      'DELETE / HTTP/1.1\r\nHost: a\r\n\r\n',
      post('/', long),
      post(good, long),
      `${post(good, 'Content-Encoding: compress\r\nContent-Length: 2')}x1`,
      `${post(good, 'Content-Length: 2')}{}`,
    ]) {
      expect(await ask(port, what), what.slice(0, 100)).to.equal('429 TOO_MANY_REQUESTS');
    }
  });

  it('is 413 before the 429 of an unverified sender, and that before its body is read', async () => {
    const port = await listen({ unproven: { requests: 0.001 } });
    expect(await ask(port, `${post(good, 'Content-Length: 2')}{}`)).to.equal('200');
    expect(await ask(port, post(good, long))).to.equal('413 BODY_TOO_LARGE');
    expect(await ask(port, post(good, mine))).to.equal('429 TOO_MANY_REQUESTS');
    expect(await ask(port, post(good, 'Transfer-Encoding: chunked'))).to.equal('429 TOO_MANY_REQUESTS');
  });

  it('has nobody judged that was not let in', async () => {
    const asked: string[] = [];
    const proven = Object.assign(new Proven(spool), { ask: (sender: string) => asked.push(sender) });
    const port = await listen({ unproven: { requests: 0.001 } }, undefined, proven);
    const other = good.replace('token=', 'token=b');
    expect(await ask(port, `${post(good, 'Content-Length: 1')}1`)).to.equal('200');
    expect(await ask(port, `${post(other, 'Content-Length: 1')}1`)).to.equal('429 TOO_MANY_REQUESTS');
    expect(asked).to.have.length(1);
  });

  it('takes the bytes of a chunked body into account once they are known', async () => {
    const port = await listen({ client: { bytes: 1000 } });
    const chunk = `"${'x'.repeat(99_998)}"`;
    const body = `${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`;
    expect(await ask(port, post(good, 'Transfer-Encoding: chunked') + body)).to.equal('200');
    expect(await ask(port, `${post(good, 'Content-Length: 2')}{}`)).to.equal('429 TOO_MANY_REQUESTS');
  });

  it('is 503 where bodies in flight are at their budget; a short body has room beside them', async () => {
    const port = await listen({}, { total: 262_144, client: 1e9 });
    const holder = connect(port, '127.0.0.1');
    holder.write(post(good, 'Expect: 100-continue\r\nContent-Length: 190000'));
    // It is told to go on once it has its room.
    await once(holder, 'data');
    expect(await ask(port, post(good, mine))).to.equal('503 OVERLOADED');
    expect(await ask(port, `${post(good, 'Content-Length: 2')}{}`)).to.equal('200');
    const waits = ask(port, `${post(good, mine)}"${'x'.repeat(99_998)}"`);
    holder.destroy();
    expect(await waits, 'room was given back').to.equal('200');
  }).timeout(15_000);

  it('lets a chunked body grow at once or not at all, and its room is free again', async () => {
    const budget = new BodyBudget({ total: 262_144, client: 1e9 }, 16);
    const server = new AnyRequest(makeIngest(), budget, maxBody).server(times);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(
      async () => server.closeAllConnections(),
      async () => server.close(),
    );
    const { port } = server.address() as AddressInfo;
    const other = budget.take(undefined, 150_000) as BodyRoom;
    const chunk = `186a0\r\n"${'x'.repeat(99_998)}"\r\n`;
    expect(await ask(port, post(good, 'Transfer-Encoding: chunked') + chunk)).to.equal('503 OVERLOADED');
    other.release();
    expect(await ask(port, `${post(good, 'Transfer-Encoding: chunked')}${chunk}0\r\n\r\n`)).to.equal('200');
    // All of it is there again.
    await eventually('it is free', async () => {
      const whole = budget.take(undefined, 262_144);
      const small = whole && budget.take(undefined, 1);
      whole?.release();
      small?.release();
      return (whole !== undefined && small === undefined) || undefined;
    });
  });

  /** @returns its port, and what it accepts */
  async function serve(any: AnyRequest): Promise<{ readonly port: number; readonly accepted: Socket[] }> {
    const server = any.server(times);
    const accepted: Socket[] = [];
    server.prependListener('connection', (socket) => accepted.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(async () => server.close());
    return { port: (server.address() as AddressInfo).port, accepted };
  }

  const anyRequest = () =>
    new AnyRequest(makeIngest(), new BodyBudget({ total: 1e9, client: 1e9 }, 16), maxBody);

  for (const [name, head, closing] of [
    ['Connection: close', 'PATCH / HTTP/1.1\r\nHost: a\r\nConnection: Close', false],
    ['HTTP/1.0', 'PATCH / HTTP/1.0', false],
    ['a server that stops', 'PATCH / HTTP/1.1\r\nHost: a', true],
  ] as const) {
    it(`resets no connection while a refused body still comes: ${name}`, async () => {
      const any = anyRequest();
      any.closing = closing;
      const { port } = await serve(any);
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      const errors: Error[] = [];
      socket.on('error', (error) => errors.push(error)).resume();
      socket.write(`${head}\r\nContent-Length: 40\r\n\r\n`);
      // The answer is here, and the server's side is closed.
      await once(socket, 'end');
      for (let sent = 0; sent < 40 && errors.length === 0; sent++) {
        await new Promise((resolve) => socket.write('x', resolve));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(errors).to.deep.equal([]);
      socket.destroy();
    });
  }

  it('reads little of a body that it refuses, and its answer is not lost', async () => {
    const { port, accepted } = await serve(anyRequest());
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        answer += chunk;
      });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(`${post('/', 'Content-Length: 50000000')}${'x'.repeat(20_000_000)}`);
    await closed;
    expect(answer).to.match(/^HTTP\/1\.1 400 [\s\S]*Connection: close[\s\S]*NO_PARAMETERS_PROVIDED/);
    expect(accepted[0]?.bytesRead).to.be.below(300_000);
  });
});
