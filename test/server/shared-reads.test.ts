import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { SharedReads } from '../../server/webhooks/shared-reads.js';
import { eventually } from '../support/hookline.js';

/** What was lent, as it was when it was lent, and as it is now. */
interface Lent {
  readonly text: string;
  readonly bytes: Buffer;
}

describe('reads into shared memory', () => {
  let server: Server;
  const senders: Socket[] = [];

  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    for (const sender of senders.splice(0)) sender.destroy();
    server.close();
  });

  async function connection(): Promise<{ sender: Socket; reads: SharedReads; lent: Lent[] }> {
    const lent: Lent[] = [];
    const accepted = once(server, 'connection');
    const sender = connect((server.address() as AddressInfo).port, '127.0.0.1');
    senders.push(sender.on('error', () => undefined));
    const [socket] = (await accepted) as [Socket];
    return {
      sender,
      reads: new SharedReads(socket, (bytes) => lent.push({ text: bytes.toString(), bytes })),
      lent,
    };
  }

  it('lend the same memory to every connection', async () => {
    const [one, two] = [await connection(), await connection()];
    one.sender.write('first');
    await eventually('it is read', async () => one.lent.length > 0 || undefined);
    two.sender.write('other');
    await eventually('it is read', async () => two.lent.length > 0 || undefined);
    expect([one.lent[0]?.text, two.lent[0]?.text]).to.deep.equal(['first', 'other']);
    expect(one.lent[0]?.bytes.toString(), 'read over').to.equal('other');
  });

  it('lend nothing to a socket that is released: what it emits is its own', async () => {
    const { sender, reads, lent } = await connection();
    const emitted: Buffer[] = [];
    reads.release();
    reads.socket.on('data', (chunk) => emitted.push(chunk));
    for (const text of ['one', 'two', 'three']) {
      sender.write(text);
      await eventually('it is emitted', async () => emitted.at(-1)?.toString() === text || undefined);
    }
    expect(emitted.map(String)).to.deep.equal(['one', 'two', 'three']);
    expect(lent).to.deep.equal([]);
  });

  it('stop while the socket is paused, and end with it', async () => {
    const { sender, reads, lent } = await connection();
    const length = () => lent.reduce((sum, { text }) => sum + text.length, 0);
    reads.socket.pause();
    sender.end('x'.repeat(300_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(length()).to.equal(0);
    const ended = once(reads.socket, 'end');
    reads.socket.resume();
    await ended;
    expect(length()).to.equal(300_000);
    reads.socket.end();
    await once(reads.socket, 'close');
  });

  it('are counted by the server that accepted', async () => {
    const { reads } = await connection();
    const count = () => new Promise<number>((resolve) => server.getConnections((_, n) => resolve(n)));
    expect(await count()).to.equal(1);
    reads.socket.destroy();
    await eventually('it is gone', async () => (await count()) === 0 || undefined);
  });

  it('are the usual ones where there is no handle to read from', async () => {
    const wire = new PassThrough();
    const taken: string[] = [];
    const reads = new SharedReads(wire as never, (bytes) => taken.push(bytes.toString()));
    wire.write('lent');
    await eventually('it is read', async () => taken.length > 0 || undefined);
    reads.release();
    const next = once(reads.socket, 'data');
    wire.write('own');
    expect(String((await next)[0])).to.equal('own');
    expect(taken).to.deep.equal(['lent']);
  });

  it('are shared by the Node that runs here', async () => {
    const { reads, sender, lent } = await connection();
    sender.write('x');
    await eventually('it is read', async () => lent.length > 0 || undefined);
    expect(reads.socket.listenerCount('data'), 'read as usual').to.equal(0);
  });
});
