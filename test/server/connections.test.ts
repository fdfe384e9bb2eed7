import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Clients } from '../../core/intake/client.js';
import { Connections } from '../../server/webhooks/connections.js';

/** Every address of 127.0.0.0/8 is this machine's: these tests call one of them a stranger's. */
class Elsewhere extends Clients {
  override atOtherEnd(peer: string | undefined): string | undefined {
    return peer === '127.0.0.9' || peer === '127.0.0.8' ? peer : super.atOtherEnd(peer);
  }
}

describe('connections', () => {
  let refused = 0;
  let sockets: Socket[] = [];
  const connections = new Connections(new Elsewhere(['10.0.0.0/8']), 20, 3, {
    add: (count) => {
      refused += count;
    },
  });
  const server = createServer((socket) => {
    if (connections.admit(socket)) socket.on('error', () => undefined).resume();
  });

  before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  after((done) => {
    for (const socket of sockets) socket.destroy();
    server.close(done);
  });

  /** Opens so many; resolves to those that are still open a moment later. */
  const open = async (count: number, localAddress: string): Promise<Socket[]> => {
    const { port } = server.address() as AddressInfo;
    const opened = Array.from({ length: count }, () => {
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      return socket.on('error', () => undefined).resume();
    });
    sockets = [...sockets, ...opened];
    await sleep(300);
    return opened.filter(({ destroyed, readyState }) => !destroyed && readyState === 'open');
  };

  it('of one client are so many and no more, and others have theirs', async () => {
    const stay = await open(30, '127.0.0.9');
    expect(stay).to.have.length(20);
    expect(refused).to.equal(10);
    expect(await open(5, '127.0.0.8')).to.have.length(5);
    for (const socket of stay.slice(0, 3)) socket.destroy();
    await sleep(100);
    expect(await open(5, '127.0.0.9')).to.have.length(3);
    expect(refused).to.equal(12);
  });

  it('of an IPv6 network are three times as many as of one client in it', () => {
    const admitted = Array.from({ length: 100 }, (_, n) => {
      const remoteAddress = `2001:db8:7:${n.toString(16)}::1`;
      return connections.admit({ remoteAddress, once() {}, destroy() {} } as unknown as Socket);
    });
    expect(admitted.filter((one) => one)).to.have.length(60);
    const other = { remoteAddress: '2001:db8:8:1::1', once() {} } as unknown as Socket;
    expect(connections.admit(other)).to.equal(true);
  });

  it('of this machine and of a trusted proxy have no limit', async () => {
    expect(await open(30, '127.0.0.1')).to.have.length(30);
    const proxy = { remoteAddress: '10.1.1.1', once: () => undefined } as unknown as Socket;
    for (let n = 0; n < 30; n++) expect(connections.admit(proxy)).to.equal(true);
  });
});
