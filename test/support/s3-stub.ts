import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StubAnswer {
  readonly status: number;
  /** S3's own code. */
  readonly code?: string;
}

/** Not a store: what one answers to each request, for refusals that the store of the tests does not make. */
export class S3Stub {
  readonly #server: Server;
  /** Undefined for what a bucket without objects answers. */
  answer: (request: IncomingMessage) => StubAnswer | undefined = () => undefined;
  /** The methods of requests, in turn. */
  readonly seen: string[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      request.resume();
      this.seen.push(request.method ?? '');
      const lists = request.method === 'GET' && request.url?.includes('list-type') === true;
      const usual = request.method === 'GET' && !lists ? { status: 404, code: 'NoSuchKey' } : { status: 200 };
      const { status, code }: StubAnswer = this.answer(request) ?? usual;
      response.writeHead(status, { 'content-type': 'application/xml' });
      if (code !== undefined) response.end(`<Error><Code>${code}</Code><Message>said</Message></Error>`);
      else response.end(lists ? '<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>' : '');
    });
  }

  static async start(): Promise<S3Stub> {
    const stub = new S3Stub();
    stub.#server.listen(0, '127.0.0.1');
    await once(stub.#server, 'listening');
    return stub;
  }

  get options() {
    const { port } = this.#server.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}`;
    return { bucket: 'lake', endpoint, accessKeyId: 'test', secretAccessKey: 'test-secret' };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
