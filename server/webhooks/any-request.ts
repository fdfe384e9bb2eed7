import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Ingest } from '../../core/ingest.js';
import { type Reply, refused, replies } from '../../core/reply.js';
import { decode, isSupported } from './encoding.js';

/** Answers every request that `node:http` can read. A no-op POST through express 5 costs three times as much. */
export class AnyRequest {
  readonly #ingest: Ingest;
  readonly #maxBody: number;
  /** From here on every request is refused with 503. */
  closing = false;

  /** @param maxBody bytes, after decoding */
  constructor(ingest: Ingest, maxBody: number) {
    this.#ingest = ingest;
    this.#maxBody = maxBody;
  }

  serve(server: Server): void {
    server.on('request', (request, response) => this.#receive(request, response));
    server.on('checkContinue', (request, response) => {
      if (this.#refusal(request) === undefined) response.writeContinue();
      this.#receive(request, response);
    });
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
      if (length <= this.#maxBody) {
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
    if (this.closing) return replies.overloaded;
    if (request.method !== 'POST') return replies.methodNotAllowed;
    const { headers } = request;
    if (!isSupported(headers['content-encoding'])) return replies.unsupportedEncoding;
    if (Number(headers['content-length'] ?? 0) > this.#maxBody) return replies.bodyTooLarge;
    return undefined;
  }

  async #accept(request: IncomingMessage, response: ServerResponse, posted: Buffer): Promise<void> {
    const { headers } = request;
    const encoding = headers['content-encoding'];
    const body = encoding === undefined ? posted : () => this.#unpack(posted, encoding);
    this.#answer(response, await this.#ingest.accept(queryOf(request), headers.authorization, body));
  }

  async #unpack(posted: Buffer, encoding: string): Promise<Buffer | Reply> {
    const body = await decode(posted, encoding, this.#maxBody);
    if (body === 'too large') return replies.bodyTooLarge;
    return body === 'broken' ? refused('INVALID_PARAMETER: body') : body;
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
