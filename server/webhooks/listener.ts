import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Ingest } from '../../core/ingest.js';
import { AnyRequest } from './any-request.js';
import { PlainConnection } from './plain-connection.js';

export interface WebhookOptions {
  readonly host: string;
  readonly port: number;
  /** Bytes, after decoding. */
  readonly maxBody: number;
  /** Milliseconds in which a request's header, and in which the whole request, must be here. */
  readonly headerTimeout: number;
  readonly bodyTimeout: number;
  /** Milliseconds that an idle connection is kept. */
  readonly keepAlive: number;
}

/**
 * What senders talk to. Every connection begins as a plain one, and becomes `node:http`'s with the first
 * request that is not plain. Source: `protocol.md`.
 */
export class WebhookListener {
  readonly #ingest: Ingest;
  readonly #options: WebhookOptions;
  readonly #server: Server;
  readonly #any: AnyRequest;
  readonly #plain = new Map<Socket, PlainConnection>();

  constructor(ingest: Ingest, options: WebhookOptions) {
    this.#ingest = ingest;
    this.#options = options;
    this.#any = new AnyRequest(ingest, options.maxBody);
    this.#server = createServer({
      headersTimeout: options.headerTimeout,
      requestTimeout: options.headerTimeout + options.bodyTimeout,
      keepAliveTimeout: options.keepAlive,
      connectionsCheckingInterval: 1000,
      noDelay: true,
    });
    this.#any.serve(this.#server);
    this.#intercept();
  }

  /** Resolves to the port once connections are accepted. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /**
   * Accepts no further connection, answers what is in flight, and refuses with 503 what still comes on
   * open connections; after `grace` milliseconds it cuts what is left.
   */
  async close(grace: number): Promise<void> {
    for (const connection of this.#plain.values()) connection.close();
    this.#any.closing = true;
    const cut = setTimeout(() => {
      this.#server.closeAllConnections();
      for (const socket of this.#plain.keys()) socket.destroy();
    }, grace);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    clearTimeout(cut);
  }

  /** `node:http` lets a connection be given to it by the event that its own listener waits for. */
  #intercept(): void {
    const [adopt] = this.#server.listeners('connection') as ((socket: Socket) => void)[];
    if (adopt === undefined) return;
    this.#server.removeAllListeners('connection');
    const handOver = (socket: Socket, unread: Buffer | undefined) => {
      this.#plain.delete(socket);
      adopt.call(this.#server, socket);
      if (unread !== undefined) socket.unshift(unread);
    };
    const options = { maxBody: this.#options.maxBody, keepAlive: this.#options.keepAlive, handOver };
    this.#server.on('connection', (socket: Socket) => {
      this.#plain.set(socket, new PlainConnection(socket, this.#ingest, options));
      socket.once('close', () => this.#plain.delete(socket));
    });
  }
}
