import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Config } from '../config/schema.js';
import { messageOf } from '../core/contract/errors.js';
import type { Logger } from '../core/contract/logger.js';
import { adminGuard } from './admin-guard.js';
import { adminSocket, listenAt } from './admin-socket.js';
import { AdminToken } from './admin-token.js';

/** Probes and scrapers need few connections; whoever opens more, or says nothing on them, keeps nobody else out. */
export const adminLimits = {
  connections: 256,
  perAddress: 64,
  headerTimeout: 10_000,
  requestTimeout: 30_000,
};

/** The API behind a guard, or without one. */
export type ApiMaker = (guard?: ReturnType<typeof adminGuard>) => RequestListener;

/** The two ways to the admin API: a port, for whoever has the token, and a Unix socket, for this user alone. */
export class AdminListener {
  readonly #config: Pick<Config, 'server'>;
  readonly #token: AdminToken;
  readonly #limits: typeof adminLimits;
  readonly #servers: Server[] = [];

  constructor(config: Pick<Config, 'server'>, limits = adminLimits) {
    this.#limits = limits;
    this.#config = config;
    this.#token = new AdminToken(() => config.server.admin);
  }

  /** Resolves once connections are accepted. */
  async open(api: ApiMaker, logger: Logger): Promise<void> {
    this.renew();
    const current = () => this.#config.server.admin;
    const { host, port } = current();
    const forAll = this.#server(api(adminGuard(current, this.#token)));
    await new Promise<void>((resolve, reject) => {
      forAll.once('error', reject);
      forAll.listen(port, host, () => resolve(void forAll.off('error', reject)));
    });
    const socket = adminSocket(this.#config.server);
    await listenAt(this.#server(api()), socket).catch((error) =>
      logger.warn(
        {},
        `the CLI cannot reach this server, as ${socket} cannot be a socket (${messageOf(error)}): name another ` +
          'place as server.admin.tokenFile',
      ),
    );
  }

  /** Where a token has to be minted that is not there yet, as when a reload took the configured one away. */
  renew(): void {
    void this.#token.value;
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map((server) => new Promise((done) => server.close(done).closeAllConnections())),
    );
  }

  #server(listener: RequestListener): Server {
    const { connections, perAddress, headerTimeout, requestTimeout } = this.#limits;
    const timeouts = { headersTimeout: headerTimeout, requestTimeout, connectionsCheckingInterval: 1000 };
    const server = createServer(timeouts, listener);
    server.maxConnections = connections;
    limitEach(server, perAddress);
    this.#servers.push(server);
    return server;
  }
}

/** Closes what one address opens beyond its limit; the Unix socket's callers have no address, and none. */
function limitEach(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address } = socket;
    if (address === undefined) return;
    const count = open.get(address) ?? 0;
    if (count >= most) {
      socket.destroy();
      return;
    }
    open.set(address, count + 1);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}
