import { connect } from 'node:net';
import { expect } from 'chai';
import { Sender } from '../support/ack-log.js';
import { eventually, Hookline, isAlive } from '../support/hookline.js';

const configuration = `destinations:
  local: { type: duckdb, path: ./warehouse.duckdb, releaseAfter: 100ms, flush: { every: 50ms } }
pipelines:
  1: { destination: local, table: one }
`;

describe('the roles', function () {
  this.timeout(120_000);
  let server: Hookline;

  beforeEach(async () => {
    server = await Hookline.create(configuration, { webhooks: ', workers: 2', server: 'grace: 5m' });
  });

  afterEach(() => server.destroy());

  async function pidOf(name: string): Promise<number> {
    return eventually(`the ${name} runs`, async () => {
      return (await server.children()).find((child) => child.name === name)?.pid;
    });
  }

  it('are two ack workers and a load process, as configured', async () => {
    await server.start();
    const names = (await server.children()).map(({ name }) => name);
    expect(names).to.deep.equal(['ack worker 1', 'ack worker 2', 'load process']);
  });

  it('that die are started again, and the others do not notice', async () => {
    await server.start();
    const before = await server.children();
    const load = await pidOf('load process');
    process.kill(load, 'SIGKILL');
    await eventually('another one runs', async () =>
      (await pidOf('load process')) !== load ? true : undefined,
    );
    const ack = await pidOf('ack worker 1');
    process.kill(ack, 'SIGKILL');
    await eventually('another one runs', async () =>
      (await pidOf('ack worker 1')) !== ack ? true : undefined,
    );
    expect(await pidOf('ack worker 2')).to.equal(before.find(({ name }) => name === 'ack worker 2')?.pid);
    await eventually('it is ready', async () => (await server.admin('/ready')).ok || undefined);
    const metrics = await (await server.admin('/metrics')).text();
    expect(metrics).to.match(/hookline_role_restarts_total\{role="load"\} 1/);
    expect(metrics).to.match(/hookline_role_restarts_total\{role="ack"\} 1/);
  });

  it('end in order on SIGTERM under load: what was answered has landed or lies in the spool, and the exit code is 0', async () => {
    const { urls } = await server.token();
    await server.start();
    const children = await server.children();
    const sender = new Sender(urls['1'] as string, 16);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await server.stop()).to.equal(0);
    await sender.stop();
    expect(children.filter(({ pid }) => isAlive(pid))).to.deep.equal([]);

    await server.start();
    await server.drain();
    const rows = await server.json<{ __kdd_request_id: string }[]>('rows', '1', '--limit', '10000');
    const ids = new Set(rows.map((row) => row.__kdd_request_id));
    expect(ids.size).to.equal(rows.length);
    expect(sender.acks.filter(({ requestId }) => !ids.has(requestId))).to.deep.equal([]);
  });

  it('answer what is in flight when they are told to end', async () => {
    const { urls } = await server.token();
    await server.start();
    const { pathname, search } = new URL(urls['1'] as string);
    const socket = connect(server.webhookPort, '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk;
    });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(`POST ${pathname}${search} HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n"in `);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const stopped = server.stop();
    await eventually('no further connection is accepted', async () => {
      return fetch(server.webhookUrl, { method: 'POST' }).then(
        () => undefined,
        () => true,
      );
    });
    socket.write('air"');
    await closed;
    expect(answer).to.match(/^HTTP\/1\.1 200 /);
    expect(answer).to.match(/Connection: close/i);
    expect(await stopped).to.equal(0);
  });

  it('end at once on a second signal', async () => {
    await server.start();
    const socket = connect(server.webhookPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('POST /?a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const children = await server.children();
    server.signal('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 600));
    // Otherwise it would wait for the socket, as long as its grace is.
    server.signal('SIGTERM');
    expect(await server.exited()).to.equal(1);
    await eventually(
      'the children are gone',
      async () => children.every(({ pid }) => !isAlive(pid)) || undefined,
    );
    socket.destroy();
  });

  it('end at once, and well, when they are told to while they start', async () => {
    // Six moments of its start, and others in each run.
    for (let delay = 400 + Math.random() * 100; delay <= 1000; delay += 100) {
      const started = server.start().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, delay));
      server.signal('SIGTERM');
      // Before it listens to signals at all, the signal itself ends it.
      expect(await server.exited(), server.output).to.be.oneOf([0, null]);
      expect(server.output).not.to.match(/could not start|"level":50/);
      await started;
    }
  });

  it('end in order when one signal comes twice, from the terminal and from npm', async () => {
    await server.start();
    server.signal('SIGTERM');
    server.signal('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 20));
    server.signal('SIGTERM');
    expect(await server.exited()).to.equal(0);
  });

  it('end when their supervisor is killed: nobody would start them again', async () => {
    await server.start();
    const children = await server.children();
    server.signal('SIGKILL');
    await eventually(
      'the children are gone',
      async () => children.every(({ pid }) => !isAlive(pid)) || undefined,
    );
  });

  it('can be spread: acks in one server, load and admin in another', async () => {
    const acks = await Hookline.create(configuration);
    try {
      await server.start('--role', 'load,admin');
      expect((await server.children()).map(({ name }) => name)).to.deep.equal(['load process']);
    } finally {
      await acks.destroy();
    }
  });

  it('refuse to load a spool that another server loads, and go on answering', async () => {
    await server.start();
    const second = await Hookline.create(
      `spool: { type: lmdb, path: ${server.folder}/data/spool }
tokens: { type: lmdb, path: ${server.folder}/data/tokens }
${configuration}`,
    );
    try {
      await second.start();
      await eventually(
        'it says so',
        async () => /is loaded by process \d+ already; stop it/.exec(second.output) ?? undefined,
        15_000,
      );
      expect((await server.cli('check')).code).to.equal(0);
      const key = 'd538b946-9d55-405a-9bd2-72d74b1cb8f5';
      expect(
        (await second.post(`${second.webhookUrl}/?pipeline_id=1&key=${key}&token=x`, '1')).status,
      ).to.equal(200);
    } finally {
      await second.destroy();
    }
  });

  it('say which address is taken when another process has it, and exit with 1', async () => {
    await server.start();
    const other = await server.cli('serve', '--role', 'ack');
    expect(other.code).to.equal(1);
    const where = new URL(server.webhookUrl).host;
    expect(other.stderr).to.include(
      `${where} is taken by another process (EADDRINUSE): stop that one, or change`,
    );
    expect(other.stderr).not.to.match(/node:|\n {4}at /);
    expect((await server.admin('/ready')).ok).to.equal(true);
  });
});
