import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { expect } from 'chai';
import { eventually, Hookline, type TestToken } from '../support/hookline.js';

interface Told {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

describe('strangers', function () {
  this.timeout(60_000);
  let server: Hookline;
  let token: TestToken;

  const start = async (limits: string, spool = '', more = '') => {
    server = await Hookline.create(
      `spool: { type: lmdb, path: ./data/spool${spool} }
destinations:
  out: { type: memory }
  later: { type: memory, flush: { rows: 1000000, bytes: 1GiB, every: 1h } }
pipelines:
  1: { destination: out, table: one }
  2: { destination: out, table: two, limit: { requests: 3 } }
  3: { destination: out, table: three, paused: true }
  4: { destination: later, table: four }
`,
      { webhooks: `, trustedProxies: [loopback], limits: { ${limits} }${more}` },
    );
    token = await server.token();
    await server.start();
  };

  afterEach(() => server.destroy());

  const queryOf = (pipeline: number, { key, token: text } = token) =>
    `pipeline_id=${pipeline}&key=${key}&token=${text}`;
  const stranger = () => ({ key: randomUUID(), token: 'a'.repeat(64), urls: {} });
  let next = 0;
  const address = () => `198.51.${100 + Math.floor(++next / 250)}.${next % 250}`;

  /** One request on a connection of its own, and everything that is said to it. */
  const ask = (query: string, from: string, body = '{}'): Promise<Told> =>
    new Promise((resolve, reject) => {
      let text = '';
      const socket = connect(server.webhookPort, '127.0.0.1', () => {
        socket.write(
          `POST /?${query} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${from}\r\n` +
            `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        );
      });
      socket.setEncoding('latin1').on('error', reject);
      socket.on('data', (chunk) => {
        text += chunk;
        const end = text.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
        if (text.length < end + 4 + length) return;
        socket.destroy();
        const head = text.slice(0, end).replace(/^Date: .*$/im, 'Date: …');
        resolve({ status: Number(text.slice(9, 12)), head, body: text.slice(end + 4) });
      });
      socket.on('close', () => reject(new Error(`closed after: ${text}`)));
    });
  const many = (count: number, query: string, from: string, body?: string) =>
    Promise.all(Array.from({ length: count }, () => ask(query, from, body)));
  const statusesOf = (told: readonly Told[]) => {
    const counts: Record<number, number> = {};
    for (const { status } of told) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };
  const limited = async (): Promise<Record<string, number>> => {
    const text = await (await server.admin('/metrics')).text();
    const lines = text.matchAll(/^hookline_limited_total\{limit="(\w+)"\} (\d+)/gm);
    return Object.fromEntries([...lines].map(([, limit, count]) => [limit, Number(count)]));
  };
  const proven = (body?: string) =>
    eventually('the token is proven', async () => {
      const told = await many(30, queryOf(1), address(), body);
      return told.every(({ status }) => status === 200) || undefined;
    });

  it('are limited by their address, and nobody else with them', async () => {
    await start('client: { requests: 0.01 }');
    const [noisy, quiet] = [address(), address()];
    const told = await many(20, queryOf(1), noisy);
    expect(statusesOf(told)).to.deep.equal({ 200: 1, 429: 19 });
    const refusal = told.find(({ status }) => status === 429) as Told;
    expect(refusal.body).to.equal('{"success": false, "error": "TOO_MANY_REQUESTS"}');
    expect(refusal.head).to.match(/^Retry-After: (\d\d|100)$/m);
    expect((await ask(queryOf(1), quiet)).status).to.equal(200);
    // Before anything of it is read: also what would be a 400.
    expect((await ask('', noisy)).status).to.equal(429);
    // A name that the sender writes itself, in front of the proxy's, is nobody's.
    expect((await ask(queryOf(1), `${address()}, ${noisy}`)).status).to.equal(429);
    const counted = await limited();
    expect(Object.keys(counted)).to.deep.equal(['client']);
    expect(counted['client']).to.equal(21);
  });

  it('are limited by bytes, as they were sent, and by the network that an IPv6 address is in', async () => {
    await start('client: { bytes: 1KiB }');
    const large = JSON.stringify('x'.repeat(3000));
    expect((await ask(queryOf(1), '2001:db8:0:1::1', large)).status).to.equal(200);
    const refused = await ask(queryOf(1), '[2001:db8:0:1:ffff::2]:4711');
    expect(refused.status).to.equal(429);
    expect(refused.head).to.match(/^Retry-After: [23]$/m);
    expect((await ask(queryOf(1), '2001:db8:0:2::1')).status).to.equal(200);
  });

  it('are limited by the bytes of a key, too', async () => {
    await start('key: { bytes: 1KiB }');
    const large = JSON.stringify('x'.repeat(3000));
    expect((await ask(queryOf(1), address(), large)).status).to.equal(200);
    expect((await ask(queryOf(1), address(), large)).status).to.equal(429);
    expect((await ask(queryOf(1, stranger()), address(), large)).status).to.equal(200);
    expect(Object.keys(await limited())).to.deep.equal(['key']);
  });

  it('are limited by key and token: who knows a key alone uses up nothing of it', async () => {
    await start('key: { requests: 5 }');
    const wrong = { ...token, token: 'b'.repeat(64) };
    const flood = await Promise.all(Array.from({ length: 30 }, () => ask(queryOf(1, wrong), address())));
    // The fewer, the longer they take: it refills meanwhile.
    expect(statusesOf(flood)[429]).to.be.within(1, 25);
    expect(statusesOf(await many(5, queryOf(1), address()))).to.deep.equal({ 200: 5 });
    expect(statusesOf(await many(5, queryOf(2), address()))[429]).to.be.within(1, 5);
    expect((await limited())['key']).to.be.within(1, 30);
  });

  it('are limited until their token is found to be good, in a paused pipeline too, and never after', async () => {
    await start('unproven: { requests: 5 }');
    expect(statusesOf(await many(20, queryOf(3), address()))[429]).to.be.within(1, 15);
    await proven();
    expect(statusesOf(await many(50, queryOf(3), address()))).to.deep.equal({ 200: 50 });
    const [load] = (await server.children()).filter(({ name }) => name === 'load process');
    process.kill(load?.pid as number, 'SIGKILL');
    await server.killAll();
    await server.start('--role', 'ack,admin');
    expect(statusesOf(await many(50, queryOf(1), address())), 'after a kill').to.deep.equal({ 200: 50 });
    expect(statusesOf(await many(20, queryOf(1, stranger()), address()))[429]).to.be.within(1, 15);
  });

  it('get the same answers to the byte, whether a key exists, and whether its token is right', async () => {
    // So few that none is let in again meanwhile.
    await start('unproven: { requests: 0.01 }');
    const other = await server.token();
    await proven();
    const kinds = {
      'no such key': stranger(),
      'a wrong token of a proven key': { ...token, token: 'b'.repeat(64) },
      'a wrong token of a key that was never used': { ...other, token: 'c'.repeat(64) },
      'another key’s token': { ...token, token: other.token },
    };
    const seen = new Map<string, readonly string[]>();
    for (const [kind, sender] of Object.entries(kinds)) {
      const from = address();
      const told: Told[] = [];
      for (let n = 0; n < 12; n++) told.push(await ask(queryOf(1, sender), from));
      told.push(await ask(queryOf(1, sender), address(), 'no json'));
      told.push(await ask(queryOf(1, sender), address(), ''));
      told.push(await ask(queryOf(404, sender), address()));
      const varying = /"__kdd_request_id": "[a-z]{20}"|"__kdd_request_unix_timestamp": [\d.]+/g;
      seen.set(
        kind,
        told.map(({ head, body }) =>
          `${head}\r\n${body}`
            .replace(varying, '…')
            .replace(/^(Content-Length: 1\d\d|Retry-After: \d+)$/m, '…'),
        ),
      );
    }
    const [first, ...others] = [...seen.values()];
    expect(first?.some((text) => text.includes('TOO_MANY_REQUESTS'))).to.equal(true);
    for (const [at, texts] of others.entries()) {
      expect(texts, Object.keys(kinds)[at + 1]).to.deep.equal(first);
    }
  });

  it('fill no more than their share of the spool, also over kills, while a proven sender is served', async () => {
    await start('unproven: { requests: 100000, bytes: 1GiB }', ', maxSize: 16MiB, maxUnproven: 1MiB');
    const body = JSON.stringify('x'.repeat(50_000));
    const flood = async (count: number) => {
      const told: Told[] = [];
      for (let n = 0; n < count; n += 5) {
        told.push(
          ...(await Promise.all([1, 2, 3, 4, 5].map(() => ask(queryOf(4, stranger()), address(), body)))),
        );
      }
      return told;
    };
    const told = await flood(50);
    expect(statusesOf(told)[200]).to.be.within(12, 21);
    const refusal = told.find(({ status }) => status !== 200) as Told;
    expect([refusal.status, refusal.body]).to.deep.equal([503, '{"success": false, "error": "OVERLOADED"}']);
    expect(refusal.head).to.match(/^Retry-After: 5$/m);
    expect((await limited())['share']).to.be.within(29, 38);
    await proven(body);
    expect(statusesOf(await many(20, queryOf(3), address(), body))).to.deep.equal({ 200: 20 });
    expect((await server.admin('/ready')).status).to.equal(200);

    await server.killAll();
    await server.start();
    expect(statusesOf(await flood(10))).to.deep.equal({ 503: 10 });
    expect(statusesOf(await many(20, queryOf(3), address(), body))).to.deep.equal({ 200: 20 });

    // A token that is new while the share is full: its requests are refused until it is proven, seconds later.
    token = await server.token();
    expect((await ask(queryOf(3), address(), body)).status).to.equal(503);
    await proven(body);
  });

  it('of one address fill no more than an eighth of that share, and others have the rest', async () => {
    await start('unproven: { requests: 100000, bytes: 1GiB }', ', maxSize: 16MiB, maxUnproven: 1MiB');
    const body = JSON.stringify('x'.repeat(30_000));
    const from = '2001:db8:7::1';
    const statuses: number[] = [];
    for (let n = 0; n < 20; n++) statuses.push((await ask(queryOf(4, stranger()), from, body)).status);
    expect(statuses).to.deep.equal([...Array(4).fill(200), ...Array(16).fill(503)]);
    expect((await ask(queryOf(4, stranger()), '2001:db8:7:ffff::9', body)).status, 'its network').to.equal(
      503,
    );
    for (let n = 0; n < 20; n++) {
      expect((await ask(queryOf(4, stranger()), address(), body)).status).to.equal(200);
    }
  });

  it('of a token that was deactivated are strangers again', async () => {
    await start('unproven: { requests: 5 }');
    await proven();
    await server.cli('tokens', 'deactivate', token.key);
    await server.stop();
    await server.start();
    await eventually('it is limited', async () => {
      const told = await many(20, queryOf(1), address());
      return told.some(({ status }) => status === 429) || undefined;
    });
  });
});
