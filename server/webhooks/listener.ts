import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { OverloadedError } from '../../core/contract/errors.js';
import { BodyBudget, type BodyLimits } from '../../core/intake/body-budget.js';
import type { Ingest } from '../../core/intake/ingest.js';
import { replies } from '../../core/intake/reply.js';
import { AnyRequest, type Patience } from './any-request.js';
import { Crowd, mostConnections } from './crowd.js';
import { messageOf, unreadFrom } from './message.js';
import { PlainConnection, type PlainOptions } from './plain-connection.js';
import { withPath } from './plain-request.js';

/** Connections that are being told so, beside the most that are served. */
const turnedAwayAtOnce = 32;

export interface WebhookOptions extends WebhookLimits {
  readonly host: string;
  readonly port: number;
  /** Whether a new connection may stay; closes one that may not. */
  readonly admit?: (socket: Socket) => boolean;
}

export interface WebhookLimits extends Patience {
  /** Bytes, after decoding. */
  readonly maxBody: number;
  readonly bodies: BodyLimits;
  readonly limits: { /** See `BodyBudget`. */ readonly network: number };
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
  readonly #budget: BodyBudget;
  readonly #plain = new Map<Socket, PlainConnection>();
  readonly #crowd = new Crowd(mostConnections(), this.#plain);
  /** Every plain connection looks here. */
  readonly #plainOptions: PlainOptions;

  constructor(ingest: Ingest, options: WebhookOptions) {
    this.#ingest = ingest;
    this.#options = options;
    this.#budget = new BodyBudget(options.bodies, options.limits.network);
    this.#any = new AnyRequest(ingest, this.#budget, options.maxBody);
    this.#server = this.#any.server(options);
    this.#server.maxConnections = this.#crowd.most + turnedAwayAtOnce;
    this.#plainOptions = { ...options, budget: this.#budget, handOver: this.#intercept() };
    this.change(options);
  }

  /** From now on these count, on open connections too. */
  change(limits: WebhookLimits): void {
    const { maxBody, keepAlive, headerTimeout, bodyTimeout } = limits;
    this.#budget.change(limits.bodies, limits.limits.network);
    this.#any.maxBody = maxBody;
    Object.assign(this.#plainOptions, { maxBody, keepAlive, headerTimeout });
    this.#server.headersTimeout = headerTimeout;
    this.#server.requestTimeout = headerTimeout + bodyTimeout;
    this.#server.keepAliveTimeout = keepAlive;
    // What is sent to a peer that never reads it would otherwise hold the connection for ever.
    this.#server.timeout = headerTimeout + bodyTimeout;
  }

  /** @throws OverloadedError when connections are being turned away */
  check(): void {
    if (!this.#crowd.full) return;
    throw new OverloadedError(
      `as many connections are open as the limit of file handles allows (${this.#crowd.most}): raise it ` +
        '(LimitNOFILE, ulimit -n), or server.webhooks.workers',
    );
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
  #intercept(): PlainOptions['handOver'] {
    const [adopt] = this.#server.listeners('connection') as ((socket: Socket) => void)[];
    this.#server.removeAllListeners('connection');
    this.#server.on('connection', (accepted: Socket) => {
      if (this.#options.admit?.(accepted) === false) return;
      if (!this.#crowd.admit()) {
        this.#turnAway(accepted);
        return;
      }
      const connection = new PlainConnection(accepted, this.#ingest, this.#plainOptions);
      const { socket } = connection;
      this.#plain.set(socket, connection);
      socket.once('close', () => {
        this.#plain.delete(socket);
        this.#crowd.left();
      });
    });
    return (socket, unread, begun) => {
      this.#plain.delete(socket);
      if (begun !== undefined) this.#any.goOn(socket, begun);
      adopt?.call(this.#server, socket);
      if (unread === undefined) return;
      const complete = withPath(unread);
      // What its sender asks next lacks the path too: on a connection of its own it is read here first.
      if (complete !== undefined) this.#any.endAfterNext(socket);
      socket.unshift(complete ?? unread);
    };
  }

  /** Answers before anything was asked: there is no handle to wait with. */
  #turnAway(socket: Socket): void {
    this.#ingest.refused(replies.overloaded, unreadFrom(socket.remoteAddress));
    const linger = setTimeout(() => socket.destroy(), 1000);
    socket
      .on('error', () => undefined)
      .once('close', () => clearTimeout(linger))
      .resume()
      .end(messageOf(replies.overloaded, undefined), 'latin1');
  }
}
