import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { connectTo, listenAt } from '../../server/admin-socket.js';

describe('the admin socket', () => {
  let folder: string;
  const servers: Server[] = [];
  const serving = (word: string) => {
    const server = createServer((socket) => socket.on('error', () => undefined).end(word));
    servers.push(server);
    return server;
  };
  const heardAt = async (path: string): Promise<string> => {
    const socket = connectTo(path).setEncoding('utf8');
    let text = '';
    for await (const piece of socket) text += piece;
    return text;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hookline-'));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  it("is its own user's alone, however long its path is, and is gone after it", async () => {
    const here = process.cwd();
    for (const name of ['short', 'long'.repeat(40)]) {
      mkdirSync(join(folder, name));
      const path = join(folder, name, 'socket');
      const server = serving(name);
      await listenAt(server, path);
      expect(statSync(path).mode & 0o777).to.equal(0o600);
      expect(await heardAt(path)).to.equal(name);
      await new Promise((resolve) => server.close(resolve));
      expect(existsSync(path), name).to.equal(false);
    }
    expect(process.cwd()).to.equal(here);
  });

  it('is not taken from a server that listens there', async () => {
    const path = join(folder, 'socket');
    await listenAt(serving('first'), path);
    const message = await listenAt(serving('second'), path).catch((error: Error) => error.message);
    expect(message).to.equal('another server listens on it');
    expect(await heardAt(path)).to.equal('first');
  });
});
