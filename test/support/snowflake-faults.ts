import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';

/** What happens to a request: it is cut off, before or after the server has done it, delayed, or answered here. */
export type Fault =
  | 'cut'
  | 'lose the answer'
  | 'never answer'
  | { readonly delay: number }
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** JSON, unless it is a text. */
      readonly body?: unknown;
    };

interface Rule {
  readonly matches: (path: string, sql: string) => boolean;
  readonly fault: Fault;
  left: number;
}

/** Stands between the SDK and a server of Snowflake's protocol, and breaks what it is told to break. */
export class SnowflakeFaults {
  /** All that has passed, in order: the statement, or else the path. */
  readonly seen: string[] = [];
  bytesSent = 0;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #rules: Rule[] = [];
  #server: Server | undefined;
  #port = 0;

  /** @param target the server's port */
  constructor(target: number) {
    this.#target = target;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens; on the same port again after a stop. */
  async start(): Promise<void> {
    const server = createServer((incoming, outgoing) => {
      void this.#pass(incoming, outgoing).catch(() => outgoing.destroy());
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Cuts every connection, and takes no new ones. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(server, 'close');
  }

  /** Breaks the next requests that match: a path's beginning if there is a slash in front, else a statement's. */
  next(what: string, fault: Fault, times = 1): void {
    const matches = what.startsWith('/')
      ? (path: string) => path.startsWith(what)
      : (_path: string, sql: string) => sql.startsWith(what);
    this.#rules.push({ matches, fault, left: times });
  }

  /** How many faults have not come about. */
  get pending(): number {
    return this.#rules.reduce((sum, { left }) => sum + left, 0);
  }

  forget(): void {
    this.#rules = [];
    this.seen.length = 0;
    this.bytesSent = 0;
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const path = incoming.url ?? '';
    const sql = path.startsWith('/queries/v1/query-request') ? statementIn(incoming, body) : '';
    this.seen.push(sql === '' ? path.replace(/\?.*/, '') : sql);
    this.bytesSent += body.length;
    const rule = this.#rules.find((each) => each.left > 0 && each.matches(path, sql));
    if (rule !== undefined) rule.left -= 1;
    const fault = rule?.fault;
    if (fault === 'never answer') return;
    if (fault === 'cut') {
      incoming.socket.destroy();
    } else if (typeof fault === 'object' && 'status' in fault) {
      const { status, headers, body: said = { success: false } } = fault;
      outgoing.writeHead(status, { 'content-type': 'application/json', ...headers });
      outgoing.end(typeof said === 'string' ? said : JSON.stringify(said));
    } else {
      if (fault !== undefined && fault !== 'lose the answer') await sleep(fault.delay);
      await this.#forward(incoming, body, outgoing, fault === 'lose the answer');
    }
  }

  async #forward(
    incoming: IncomingMessage,
    body: Buffer,
    outgoing: ServerResponse,
    lose: boolean,
  ): Promise<void> {
    const { method, url: path, headers } = incoming;
    const { 'transfer-encoding': _, ...kept } = headers;
    const sent = request({
      host: '127.0.0.1',
      port: this.#target,
      method,
      path,
      headers: { ...kept, connection: 'close', 'content-length': String(body.length) },
    });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const said = await buffer(answer);
    if (lose) {
      incoming.socket.destroy();
      return;
    }
    const { connection: __, 'transfer-encoding': ___, ...rest } = answer.headers;
    outgoing.writeHead(answer.statusCode ?? 500, { ...rest, 'content-length': said.length });
    outgoing.end(said);
  }
}

function statementIn(incoming: IncomingMessage, body: Buffer): string {
  const raw = incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  return (JSON.parse(raw.toString()) as { sqlText: string }).sqlText.trim();
}
