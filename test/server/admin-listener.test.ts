import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { AdminListener, adminLimits } from '../../server/admin-listener.js';
import { freePorts } from '../support/free-ports.js';
import { eventually } from '../support/hookline.js';

describe('the connections of the admin listener', function () {
  this.timeout(20_000);
  let folder: string;
  let port: number;
  let listener: AdminListener;
  const logger = { warn: (_: object, message: string) => expect.fail(message) };
  const open = (from = '127.0.0.1') => connect({ port, host: '127.0.0.1', localAddress: from });
  const live = 'GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const answered = (socket: Socket) =>
    new Promise<boolean>((resolve) => {
      socket.once('data', () => resolve(true)).once('error', () => resolve(false));
      socket.once('close', () => resolve(false)).write(live);
    });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hookline-'));
    [port = 0] = await freePorts(1);
    const admin = { host: '127.0.0.1', port, tokenFile: join(folder, 'admin-token') };
    const limits = { ...adminLimits, connections: 5, perAddress: 3, headerTimeout: 300 };
    listener = new AdminListener({ server: { admin } } as never, limits);
    await listener.open(() => (_, response) => response.end('{}'), logger as never);
  });
  after(async () => {
    await listener.close();
    rmSync(folder, { recursive: true });
  });

  it('are limited, so many from one address, and others are served', async () => {
    const held = Array.from({ length: 3 }, () => open());
    for (const socket of held) expect(await answered(socket)).to.equal(true);
    expect(await answered(open()), 'a fourth').to.equal(false);
    const others = [open('127.0.0.2'), open('127.0.0.3')];
    for (const socket of others) expect(await answered(socket)).to.equal(true);
    expect(await answered(open('127.0.0.4')), 'a sixth in all').to.equal(false);
    for (const socket of [...held, ...others]) socket.destroy();
  });

  it('are ended when no head has come in time: 10 s', async () => {
    expect(adminLimits.headerTimeout).to.equal(10_000);
    // Those before may not be gone yet.
    await eventually('there is room, and no patience', async () => {
      const silent = open();
      silent.write('GET /live HTTP/1.1\r\n');
      return (await text(silent)).startsWith('HTTP/1.1 408 ') || undefined;
    });
  });
});
