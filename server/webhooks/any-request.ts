import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Arrival } from '../../core/arrival.js';
import type { Ingest } from '../../core/ingest.js';
import { brokenEncoding, type Reply, replies, unsupportedEncoding } from '../../core/reply.js';
import { accepted, decode, isUnsupported } from './encoding.js';
import { Gathered } from './gathered.js';
import { LastAnswer } from './last-answer.js';
import { isWellFormed } from './well-formed.js';

/** `node:http`'s codes for what is not malformed; a reset connection has no answer to come. */
const unread: ReadonlyMap<string | undefined, Reply> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', replies.requestTimeout],
  ['HPE_HEADER_OVERFLOW', replies.headersTooLarge],
]);

/** How long senders may take. */
export interface Patience {
  /** Milliseconds in which a request's header, and in which its body, must be here. */
  readonly headerTimeout: number;
  readonly bodyTimeout: number;
  /** Milliseconds that an idle connection is kept. */
  readonly keepAlive: number;
}

/** Answers every request that `node:http` can read. A no-op POST through express 5 costs three times as much. */
export class AnyRequest {
  readonly #ingest: Ingest;
  readonly #last = new LastAnswer();
  readonly #ending = new WeakSet<Socket>();
  /** Bytes, after decoding. */
  maxBody: number;
  /** From here on every request is refused with 503. */
  closing = false;

  constructor(ingest: Ingest, maxBody: number) {
    this.#ingest = ingest;
    this.maxBody = maxBody;
  }

  /** A server that does not listen yet. @param times milliseconds */
  server(times: Patience): Server {
    const server = createServer({
      headersTimeout: times.headerTimeout,
      requestTimeout: times.headerTimeout + times.bodyTimeout,
      keepAliveTimeout: times.keepAlive,
      connectionsCheckingInterval: 1000,
      noDelay: true,
      // Told in our own words, and also where the environment would have it otherwise.
      requireHostHeader: false,
      insecureHTTPParser: false,
      maxHeaderSize: 16_384,
    });
    // RFC 9112, 9.6: a sender that closes its side may still wait for the answer.
    Object.assign(server, { httpAllowHalfOpen: true });
    // Every field counts, such as a second Host: their size is limited, so their number need not be.
    server.maxHeadersCount = 0;
    server.on('request', (request, response) => this.#receive(request, response));
    server.on('checkContinue', (request, response) => {
      if (!this.#last.isOver(request.socket) && this.#refusal(request) === undefined)
        response.writeContinue();
      this.#receive(request, response);
    });
    // RFC 9110, 10.1.1: another expectation may be passed over.
    server.on('checkExpectation', (request, response) => this.#receive(request, response));
    server.on('connect', (_, socket) => {
      socket.on('error', () => undefined).resume();
      this.#last.give(socket as Socket, replies.methodNotAllowed);
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#reject(error, socket as Socket));
    return server;
  }

  /** The next request on the connection is its last one. */
  endAfterNext(socket: Socket): void {
    this.#ending.add(socket);
  }

  /** What `node:http` could not read as a request, or not in time. */
  #reject({ code }: NodeJS.ErrnoException, socket: Socket): void {
    if (this.#last.isOver(socket)) return;
    // Behind a request that ends the connection (RFC 9112, 9.6).
    if (code === 'HPE_CLOSED_CONNECTION') {
      this.#last.ignoreRest(socket);
      return;
    }
    const reply = unread.get(code) ?? replies.malformed;
    if (socket.writable) this.#ingest.refused(reply);
    this.#last.give(socket, reply);
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    if (this.#last.isOver(request.socket)) {
      request.resume();
      return;
    }
    this.#last.received(request, response);
    if (this.#ending.has(request.socket)) this.#last.end(request.socket, response);
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      this.#refuse(request, response, refusal);
      return;
    }
    const body = new Gathered();
    const take = (chunk: Buffer) => {
      if (body.length + chunk.length <= this.maxBody) {
        body.add(chunk);
        return;
      }
      request.off('data', take).off('end', finish);
      this.#refuse(request, response, replies.bodyTooLarge);
    };
    const finish = () => void this.#accept(request, response, body.whole());
    request.on('data', take).on('end', finish);
  }

  /** What can be answered before the body comes: but for a handshake, a refusal. */
  #refusal(request: IncomingMessage): Reply | undefined {
    if (this.closing) return replies.overloaded;
    if (!isWellFormed(request)) return replies.malformed;
    if (request.method !== 'POST') return this.#handshake(request) ?? replies.methodNotAllowed;
    const { headers } = request;
    if (Number(headers['content-length'] ?? 0) > this.maxBody) return replies.bodyTooLarge;
    return undefined;
  }

  /** Some senders test a URL by a GET before they post to it. */
  #handshake({ method, url = '' }: IncomingMessage): Reply | undefined {
    return method === 'GET' ? this.#ingest.handshake(queryOf(url)) : undefined;
  }

  async #accept(request: IncomingMessage, response: ServerResponse, posted: Buffer): Promise<void> {
    // Behind a request to upgrade, which is passed over, `node:http` does not read on.
    if (request.headers.upgrade !== undefined) this.#last.end(request.socket, response);
    const encoding = request.headers['content-encoding'];
    if (isUnsupported(posted, encoding)) {
      this.#refuse(request, response, unsupportedEncoding(accepted));
      return;
    }
    const unpack = encoding === undefined ? undefined : () => this.#unpack(posted, encoding);
    this.#answer(response, await this.#ingest.accept(arrivalOf(request), posted, unpack));
  }

  async #unpack(posted: Buffer, encoding: string): Promise<Buffer | Reply> {
    const body = await decode(posted, encoding, this.maxBody);
    if (body === 'too large') return replies.bodyTooLarge;
    return body === 'broken' ? brokenEncoding(accepted) : body;
  }

  #answer(response: ServerResponse, reply: Reply): void {
    if (this.closing) response.shouldKeepAlive = false;
    response.writeHead(reply.status, {
      'Content-Type': 'application/json',
      'Content-Length': reply.body.length,
      ...reply.headers,
    });
    response.end(reply.body);
  }

  /** Answers without reading the rest of the body, and then closes the connection. */
  #refuse(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
    if (reply.status !== 200) this.#ingest.refused(reply);
    const { upgrade } = request.headers;
    const whole = request.complete || !hasBody(request);
    if (reply === replies.malformed || upgrade !== undefined || !whole)
      this.#last.end(request.socket, response);
    this.#answer(response, reply);
    request.resume();
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function queryOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? '' : url.slice(mark + 1);
}

function arrivalOf({ url = '', socket, headers }: IncomingMessage): Arrival {
  return {
    query: queryOf(url),
    peer: socket.remoteAddress,
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}
