import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Ingest } from '../core/ingest.js';
import { type Reply, refused, replies } from '../core/reply.js';
import { decode, isSupported } from './encoding.js';

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
 * What senders talk to. Plain `node:http`: a no-op POST through express 5 costs three times as much.
 * Source: `protocol.md`.
 */
export class WebhookListener {
  readonly #ingest: Ingest;
  readonly #options: WebhookOptions;
  readonly #server: Server;
  #closing = false;

  constructor(ingest: Ingest, options: WebhookOptions) {
    this.#ingest = ingest;
    this.#options = options;
    this.#server = createServer({
      headersTimeout: options.headerTimeout,
      requestTimeout: options.headerTimeout + options.bodyTimeout,
      keepAliveTimeout: options.keepAlive,
      connectionsCheckingInterval: 1000,
      noDelay: true,
    });
    this.#server.on('request', (request, response) => this.#receive(request, response));
    this.#server.on('checkContinue', (request, response) => {
      if (this.#refusal(request) === undefined) response.writeContinue();
      this.#receive(request, response);
    });
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
    this.#closing = true;
    const cut = setTimeout(() => this.#server.closeAllConnections(), grace);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    clearTimeout(cut);
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      this.#refuse(request, response, refusal);
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer) => {
      length += chunk.length;
      if (length <= this.#options.maxBody) {
        chunks.push(chunk);
        return;
      }
      request.off('data', take).off('end', finish);
      this.#refuse(request, response, replies.bodyTooLarge);
    };
    const finish = () => {
      const posted = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
      void this.#accept(request, response, posted);
    };
    request.on('data', take).on('end', finish);
  }

  /** What can be told before the body comes. */
  #refusal(request: IncomingMessage): Reply | undefined {
    if (this.#closing) return replies.overloaded;
    if (request.method !== 'POST') return replies.methodNotAllowed;
    const { headers } = request;
    if (!isSupported(headers['content-encoding'])) return replies.unsupportedEncoding;
    if (Number(headers['content-length'] ?? 0) > this.#options.maxBody) return replies.bodyTooLarge;
    return undefined;
  }

  async #accept(request: IncomingMessage, response: ServerResponse, posted: Buffer): Promise<void> {
    const { headers } = request;
    const encoding = headers['content-encoding'];
    const body = encoding === undefined ? posted : () => this.#unpack(posted, encoding);
    this.#answer(response, await this.#ingest.accept(queryOf(request), headers.authorization, body));
  }

  async #unpack(posted: Buffer, encoding: string): Promise<Buffer | Reply> {
    const body = await decode(posted, encoding, this.#options.maxBody);
    if (body === 'too large') return replies.bodyTooLarge;
    return body === 'broken' ? refused('INVALID_PARAMETER: body') : body;
  }

  #answer(response: ServerResponse, reply: Reply): void {
    if (this.#closing) response.shouldKeepAlive = false;
    response.writeHead(reply.status, {
      'Content-Type': 'application/json',
      'Content-Length': reply.body.length,
      ...reply.headers,
    });
    response.end(reply.body);
  }

  /**
   * Answers without reading the rest of the body. The connection is then closed; but closing it while
   * the sender still writes would reset it, and the sender might never see the answer: so what still
   * comes is thrown away for a moment first.
   */
  #refuse(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    this.#ingest.refused(reply);
    if (request.complete || !hasBody(request)) {
      this.#answer(response, reply);
      return;
    }
    const { socket } = request;
    response.shouldKeepAlive = false;
    socket.destroySoon = () => {
      socket.end();
      const linger = setTimeout(() => socket.destroy(), 1000);
      socket.once('close', () => clearTimeout(linger));
    };
    this.#answer(response, reply);
    request.resume();
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function queryOf(request: IncomingMessage): string {
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  return mark < 0 ? '' : url.slice(mark + 1);
}
