import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Arrival } from '../../core/intake/arrival.js';
import { type BodyBudget, type BodyRoom } from '../../core/intake/body-budget.js';
import { type Admitted, type Ingest, isReply } from '../../core/intake/ingest.js';
import { brokenEncoding, type Reply, replies, unsupportedEncoding } from '../../core/intake/reply.js';
import { accepted, decode, isUnsupported } from './encoding.js';
import { Gathered } from './gathered.js';
import { LastAnswer } from './last-answer.js';
import { unreadFrom } from './message.js';
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

/** A request that was begun elsewhere: what its head was answered, or let in, with the room for its body. */
export interface Begun {
  readonly judged: Admitted | Reply;
  readonly room: BodyRoom | undefined;
}

/** Bytes of the body of a refused request that are read, and milliseconds in which: a reset destroys the answer. */
const dropped = 65_536;
const dropFor = 1000;

/** Answers every request that `node:http` can read. A no-op POST through express 5 costs three times as much. */
export class AnyRequest {
  readonly #ingest: Ingest;
  readonly #budget: BodyBudget;
  readonly #last = new LastAnswer();
  readonly #ending = new WeakSet<Socket>();
  readonly #begun = new WeakMap<Socket, Begun>();
  /** The answers to the last requests whose bodies were passed over. */
  readonly #dropping = new WeakMap<Socket, ServerResponse>();
  /** Bytes, after decoding. */
  maxBody: number;
  /** From here on every request is refused with 503. */
  closing = false;

  constructor(ingest: Ingest, budget: BodyBudget, maxBody: number) {
    this.#ingest = ingest;
    this.#budget = budget;
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
    server.on('checkContinue', (request, response) => this.#receive(request, response, true));
    // RFC 9110, 10.1.1: another expectation may be passed over.
    server.on('checkExpectation', (request, response) => this.#receive(request, response));
    server.on('connect', (_, socket) => {
      socket.on('error', () => undefined).resume();
      this.#giveLast(socket as Socket, replies.methodNotAllowed);
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#reject(error, socket as Socket));
    return server;
  }

  /** The next request on the connection is its last one. */
  endAfterNext(socket: Socket): void {
    this.#ending.add(socket);
  }

  /** The next request on the connection is this one. */
  goOn(socket: Socket, begun: Begun): void {
    this.#begun.set(socket, begun);
    socket.once('close', () => this.#begun.get(socket)?.room?.release());
  }

  /** What `node:http` could not read as a request, or not in time. */
  #reject({ code }: NodeJS.ErrnoException, socket: Socket): void {
    if (this.#last.isOver(socket)) return;
    // Behind a request that ends the connection (RFC 9112, 9.6).
    if (code === 'HPE_CLOSED_CONNECTION') {
      this.#last.ignoreRest(socket);
      return;
    }
    // What breaks off has had its answer.
    const answer = this.#dropping.get(socket);
    if (answer?.req.complete === false) {
      this.#last.ignoreRest(socket);
      if (answer.writableFinished) socket.destroySoon();
      else answer.once('finish', () => socket.destroySoon());
      return;
    }
    this.#giveLast(socket, unread.get(code) ?? replies.malformed);
  }

  #giveLast(socket: Socket, refusal: Reply): void {
    const reply = this.#ingest.knockAt(socket.remoteAddress) ?? refusal;
    if (socket.writable) this.#ingest.refused(reply, unreadFrom(socket.remoteAddress));
    this.#last.give(socket, reply);
  }

  /** @param waits whether the sender waits for a go-ahead before it sends the body */
  #receive(request: IncomingMessage, response: ServerResponse, waits = false): void {
    const { socket } = request;
    if (this.#last.isOver(socket)) {
      request.resume();
      return;
    }
    this.#last.received(request, response);
    if (this.#ending.has(socket)) this.#last.end(socket, response);
    const { judged, room } = this.#judge(request);
    if (isReply(judged)) {
      room?.release();
      this.#refuse(request, response, judged, waits);
      return;
    }
    const read = (room: BodyRoom) => {
      if (waits) response.writeContinue();
      this.#read(request, response, judged, room);
    };
    const { length = 0 } = judged;
    const client = this.#ingest.clientOf(judged);
    const taken = room ?? this.#budget.take(client, length);
    if (taken !== undefined) {
      read(taken);
      return;
    }
    // Nothing more is read of it meanwhile.
    void this.#budget.wait(client, length).then((room) => {
      if (response.closed || socket.destroyed) room?.release();
      else if (room === undefined) this.#refuse(request, response, this.#ingest.full(), waits);
      else read(room);
    });
  }

  #read(request: IncomingMessage, response: ServerResponse, admitted: Admitted, room: BodyRoom): void {
    const body = new Gathered();
    const leave = () => room.release();
    const take = (chunk: Buffer) => {
      const length = body.length + chunk.length;
      if (length <= this.maxBody && room.grow(length)) {
        body.add(chunk);
        return;
      }
      request.off('data', take).off('end', finish);
      response.off('close', leave);
      leave();
      this.#refuse(request, response, length > this.maxBody ? replies.bodyTooLarge : this.#ingest.full());
    };
    const finish = () => {
      response.off('close', leave);
      void this.#accept(request, response, admitted, body.whole(), room).finally(leave);
    };
    request.on('data', take).on('end', finish);
    response.once('close', leave);
  }

  /** What can be answered before the body comes, or that it may come. */
  #judge(request: IncomingMessage): Begun | { readonly judged: Admitted | Reply; readonly room?: undefined } {
    const { socket, method } = request;
    const begun = this.#begun.get(socket);
    this.#begun.delete(socket);
    if (this.closing) return { judged: replies.overloaded, room: begun?.room };
    if (begun !== undefined) return begun;
    if (!isWellFormed(request)) {
      return { judged: this.#ingest.knockAt(socket.remoteAddress) ?? replies.malformed };
    }
    const arrival = arrivalOf(request);
    this.#ingest.meet(arrival);
    if (method === 'POST') return { judged: this.#ingest.admit(arrival, lengthOf(request), this.maxBody) };
    return { judged: this.#ingest.knock(arrival) ?? this.#handshake(request) ?? replies.methodNotAllowed };
  }

  /** Some senders test a URL by a GET before they post to it. */
  #handshake({ method, url = '' }: IncomingMessage): Reply | undefined {
    return method === 'GET' ? this.#ingest.handshake(queryOf(url)) : undefined;
  }

  async #accept(
    request: IncomingMessage,
    response: ServerResponse,
    admitted: Admitted,
    posted: Buffer,
    room: BodyRoom,
  ): Promise<void> {
    // Behind a request to upgrade, which is passed over, `node:http` does not read on.
    if (request.headers.upgrade !== undefined) this.#last.end(request.socket, response);
    const encoding = request.headers['content-encoding'];
    if (isUnsupported(posted, encoding)) {
      this.#refuse(request, response, unsupportedEncoding(accepted));
      return;
    }
    const unpack = encoding === undefined ? undefined : () => this.#unpack(posted, encoding, room);
    this.#answer(response, await this.#ingest.accept(admitted, posted, unpack));
  }

  async #unpack(posted: Buffer, encoding: string, room: BodyRoom): Promise<Buffer | Reply> {
    const body = await decode(posted, encoding, this.maxBody);
    if (body === 'too large') return replies.bodyTooLarge;
    if (body === 'broken') return brokenEncoding(accepted);
    return body === posted || room.grow(posted.length + body.length) ? body : this.#ingest.full();
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

  /** Answers at once. What is still to come of a short body is passed over; behind a longer one the connection ends. */
  #refuse(request: IncomingMessage, response: ServerResponse, reply: Reply, waits = false): void {
    if (reply.status !== 200) this.#ingest.refused(reply, arrivalOf(request), lengthOf(request));
    const { upgrade } = request.headers;
    const whole = request.complete || !hasBody(request);
    const isShort = whole || (!waits && (lengthOf(request) ?? Number.POSITIVE_INFINITY) <= dropped);
    // Where the connection ends anyway, `node:http` would close it while the body is still coming.
    const ends = !whole && (this.closing || !response.shouldKeepAlive);
    if (reply === replies.malformed || upgrade !== undefined || !isShort || ends)
      this.#last.end(request.socket, response);
    this.#answer(response, reply);
    if (whole) request.resume();
    else this.#drop(request, response);
  }

  /** Reads and drops some of what is still to come, for a while. */
  #drop(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    let left = dropped;
    let late: NodeJS.Timeout | undefined;
    const done = () => {
      clearTimeout(late);
      socket.off('close', done);
    };
    this.#dropping.set(socket, response);
    socket.once('close', done);
    response.once('finish', () => {
      if (!request.complete) late = setTimeout(() => socket.destroy(), dropFor);
    });
    request.once('end', done).on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left <= 0) request.pause();
    });
  }
}

/** Bytes of the body as it is sent, where the head tells them. */
function lengthOf({ headers }: IncomingMessage): number | undefined {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : undefined;
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
