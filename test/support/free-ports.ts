import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Below those that systems give to whoever asks for any, also to connections that go out: between this look and the
 * start of a server, or while one is down for a moment, such a connection would take its port. Above 10080, which is
 * the last port that `fetch` refuses to call.
 */
const [lowest, highest] = [10_100, 32_000];

/** Ports of this machine alone that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const taken = new Map<number, Server>();
  while (taken.size < count) {
    const port = randomInt(lowest, highest);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      taken.set(port, server);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  for (const server of taken.values()) {
    server.close();
    await once(server, 'close');
  }
  return [...taken.keys()];
}
