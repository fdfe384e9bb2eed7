import { once } from 'node:events';
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** What becomes of one request on its way to S3. */
export type Fault =
  /** It is not passed on, and its connection is cut. */
  | 'cut'
  /** Half of it is passed on, and both connections are cut. */
  | 'half'
  /** It is passed on and carried out, and the answer is lost. */
  | 'lost answer'
  /** It is passed on after so many milliseconds. */
  | { readonly delay: number }
  /** It is answered with an error of S3's. */
  | { readonly status: number; readonly code: string; readonly headers?: Readonly<Record<string, string>> };

/** A proxy between the SDK and a server that speaks S3, on loopback. Signatures stay valid. */
export class S3Faults {
  /** Says what happens to a request; `PUT`, `/lake/raw/…`. */
  fault: (method: string, path: string) => Fault | undefined = () => undefined;
  /** How many requests a fault happened to. */
  faults = 0;
  readonly #server: Server;
  readonly #port: number;

  /** @param port of the server behind */
  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((request, response) => {
      void this.#pass(request, response).catch(() => request.socket.destroy());
    });
  }

  static async start(port: number): Promise<S3Faults> {
    const proxy = new S3Faults(port);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const fault = this.fault(method, url);
    if (fault !== undefined) this.faults += 1;
    if (fault === 'cut') {
      request.socket.destroy();
      return;
    }
    // A client that waits for it sends nothing before.
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await buffer(request);
    if (typeof fault === 'object' && 'status' in fault) {
      response.writeHead(fault.status, { 'content-type': 'application/xml', ...fault.headers });
      response.end(
        method === 'HEAD' ? '' : `<Error><Code>${fault.code}</Code><Message>by the proxy</Message></Error>`,
      );
      return;
    }
    if (typeof fault === 'object') await sleep(fault.delay);
    const { expect: _, ...headers } = request.headers;
    const passed = forward({ host: '127.0.0.1', port: this.#port, method, path: url, headers });
    if (fault === 'half') {
      passed.on('error', () => {});
      passed.write(body.subarray(0, body.length >> 1), () => {
        passed.destroy();
        request.socket.destroy();
      });
      return;
    }
    passed.end(body);
    const [answer] = (await once(passed, 'response')) as [IncomingMessage];
    const content = await buffer(answer);
    if (fault === 'lost answer') {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    response.end(content);
  }
}
