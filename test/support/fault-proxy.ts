import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
  request as send,
} from 'node:http';
import {
  connect,
  createServer as createServer2,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request as a proxy has it, whole; for a call that streams, without a body. */
export interface Passing {
  readonly protocol: 'http' | 'grpc';
  readonly method: string;
  /** With the query; of gRPC `/package.Service/Method`. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What goes back. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Of gRPC. */
  readonly trailers?: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Stands between: hands the request on by `next` or not, changes what comes back or not, waits, or throws
 * to cut the connection. For a call that streams, `next` lets it through and resolves when it is over.
 */
export type Between = (request: Passing, next: () => Promise<Answer>) => Promise<Answer>;

/** Cuts the connection, thrown by a `Between`: before `next`, the request is lost; after it, the answer. */
export class Cut extends Error {}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=UTF-8', ...headers },
  body: Buffer.from(JSON.stringify(body)),
});

/** A call's refusal. @param code such as 14 for UNAVAILABLE */
export const grpcRefusal = (code: number, message: string, details?: Buffer): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/grpc' },
  body: Buffer.alloc(0),
  trailers: {
    'grpc-status': String(code),
    'grpc-message': encodeURIComponent(message),
    ...(details && { 'grpc-status-details-bin': details.toString('base64') }),
  },
});

/** Of a unary call: the message without its frame, and back. */
export const unframe = (body: Buffer): Buffer => body.subarray(5);
export function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A proxy on loopback for HTTP/1.1, or for gRPC without TLS, with something in between. */
export class FaultProxy {
  readonly #protocol: 'http' | 'grpc';
  /** `http://127.0.0.1:9050` */
  readonly #upstream: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  /** Changed at will. */
  between: Between = (_, next) => next();

  constructor(protocol: 'http' | 'grpc', upstream: string) {
    this.#protocol = protocol;
    this.#upstream = upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The same port again after a stop. */
  async start(): Promise<void> {
    const server = this.#protocol === 'http' ? this.#http() : this.#grpc();
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Cuts every connection, and refuses new ones. What has been handed on goes on. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #http(): Server {
    return createServer((incoming, outgoing) => {
      this.#exchange(incoming, outgoing).catch(() => incoming.socket.destroy());
    });
  }

  async #exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const request: Passing = { protocol: 'http', method, path: url, headers, body: await buffer(incoming) };
    const { status, headers: back, body } = await this.between(request, () => this.#forward(request));
    outgoing.writeHead(status, back as OutgoingHttpHeaders);
    outgoing.end(body);
  }

  async #forward({ method, path, headers, body }: Passing): Promise<Answer> {
    const { 'transfer-encoding': _, connection: __, ...kept } = headers;
    const options = { method, headers: { ...kept, 'content-length': String(body.length) }, agent: false };
    const call = send(this.#upstream + path, options);
    call.end(body);
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    const { 'transfer-encoding': ___, connection: ____, ...back } = answer.headers;
    return { status: answer.statusCode ?? 500, headers: back, body: await buffer(answer) };
  }

  #grpc(): Server {
    const server = createServer2();
    server.on('sessionError', () => {});
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      this.#call(stream, headers).catch(() => stream.session?.destroy());
    });
    return server as unknown as Server;
  }

  async #call(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const path = String(headers[':path']);
    const streams = path.endsWith('/AppendRows');
    const body = streams ? Buffer.alloc(0) : await buffer(stream);
    const request: Passing = { protocol: 'grpc', method: 'POST', path, headers, body };
    let piped = false;
    const answer = await this.between(request, () => {
      piped = streams;
      return this.#hand(stream, request, streams);
    });
    if (!piped && !stream.destroyed) reply(stream, answer);
  }

  /** Hands a call on; one that streams is answered on the way. */
  async #hand(
    stream: ServerHttp2Stream,
    { path, headers, body }: Passing,
    streams: boolean,
  ): Promise<Answer> {
    const session = connect(this.#upstream);
    session.on('error', () => {});
    try {
      const kept = Object.entries(headers).filter(([name]) => !name.startsWith(':') && name !== 'host');
      const call = session.request({ ...Object.fromEntries(kept), ':path': path, ':method': 'POST' });
      call.on('error', () => {});
      const answered = once(call, 'response') as Promise<[Record<string, string>]>;
      answered.catch(() => {});
      let trailers: Record<string, string> = {};
      call.on('trailers', (found: Record<string, string>) => {
        trailers = found;
      });
      if (streams) {
        stream.on('close', () => call.close());
        stream.pipe(call);
      } else {
        call.end(body);
      }
      const [back] = await answered;
      const own = Object.fromEntries(Object.entries(back).filter(([name]) => !name.startsWith(':')));
      if (!streams) {
        const found = await buffer(call);
        return { status: 200, headers: own, body: found, trailers: { ...status(own), ...trailers } };
      }
      stream.respond({ ':status': 200, ...own }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ ...status(own), ...trailers }));
      call.pipe(stream);
      await once(call, 'close');
      return { status: 200, headers: own, body: Buffer.alloc(0), trailers };
    } finally {
      session.close();
    }
  }
}

/** An answer without a body has its status in the headers. */
function status(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('grpc-')));
}

function reply(stream: ServerHttp2Stream, { headers, body, trailers }: Answer): void {
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('grpc-')));
  stream.respond({ ':status': 200, ...own }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
  stream.end(body);
}
