import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Ingest } from '../../core/ingest.js';
import type { Reply } from '../../core/reply.js';
import { type PlainHead, readPlainHead } from './plain-request.js';

export interface PlainOptions {
  /** Bytes. */
  readonly maxBody: number;
  /** Milliseconds that an idle connection is kept. */
  readonly keepAlive: number;
  /** Takes the connection over; the bytes of its next request so far have still to be read from it. */
  readonly handOver: (socket: Socket, unread: Buffer | undefined) => void;
}

/** Milliseconds that a connection may take for a request before it is no longer plain. */
const patience = 1000;

/**
 * A connection while every request on it is plain. It reads, passes on and answers them as `node:http`
 * would, for a third of the time; at the first one that is not plain, or not quick, or not alone, it hands
 * the connection over to `node:http` for good.
 */
export class PlainConnection {
  readonly #socket: Socket;
  readonly #ingest: Ingest;
  readonly #options: PlainOptions;
  /** `new`: nothing was asked yet. `part`: some of a request is here. `busy`: an answer is being made. */
  #state: 'new' | 'idle' | 'part' | 'busy' = 'new';
  #head: PlainHead | undefined;
  /** The request so far. */
  #chunks: Buffer[] = [];
  #received = 0;
  #since = 0;
  /** What came before the answer to the request before it. */
  #ahead: Buffer | undefined;
  #last = false;

  constructor(socket: Socket, ingest: Ingest, options: PlainOptions) {
    this.#socket = socket;
    this.#ingest = ingest;
    this.#options = options;
    socket.on('data', this.#receive).on('end', this.#end).on('timeout', this.#late).on('error', ignore);
    socket.setTimeout(patience);
  }

  /** Ends after the answer under way; a request of which some is here is `node:http`'s to finish. */
  close(): void {
    if (this.#state === 'part') this.#handOver();
    else this.#end();
  }

  readonly #receive = (chunk: Buffer): void => {
    if (this.#state === 'busy') {
      this.#ahead = chunk;
      this.#socket.pause();
      return;
    }
    // It crossed our end of the connection, and could not be answered: the sender asks again elsewhere.
    if (this.#last) return;
    this.#chunks.push(chunk);
    this.#received += chunk.length;
    this.#head ??= readPlainHead(chunk);
    const whole = this.#wholeLength();
    if (whole === this.#received) this.#accept();
    else if (whole > this.#received && !this.#isLate()) this.#await();
    else this.#handOver();
  };

  /** Bytes of the request; 0 when it is not plain or too large. */
  #wholeLength(): number {
    const head = this.#head;
    return head === undefined || head.bodyLength > this.#options.maxBody ? 0 : head.length + head.bodyLength;
  }

  #await(): void {
    if (this.#state === 'part') return;
    this.#state = 'part';
    this.#since = Date.now();
    this.#socket.setTimeout(patience);
  }

  #isLate(): boolean {
    return this.#state === 'part' && Date.now() - this.#since > patience;
  }

  #accept(): void {
    const { query, authorization, length } = this.#head as PlainHead;
    const message = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    if (this.#state !== 'idle') this.#socket.setTimeout(this.#options.keepAlive);
    this.#state = 'busy';
    this.#head = undefined;
    this.#chunks = [];
    this.#received = 0;
    void this.#ingest.accept(query, authorization, message.subarray(length)).then(this.#answer);
  }

  readonly #answer = (reply: Reply): void => {
    this.#state = 'idle';
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (!this.#socket.writable) return;
    this.#socket.write(messageOf(reply, this.#last ? undefined : this.#options.keepAlive), 'latin1');
    if (this.#last) {
      this.#socket.destroySoon();
    } else if (ahead !== undefined) {
      this.#socket.resume();
      this.#receive(ahead);
    }
  };

  /** The sender has closed its side, or we close ours. */
  readonly #end = (): void => {
    this.#last = true;
    if (this.#state !== 'busy') this.#socket.destroySoon();
  };

  readonly #late = (): void => {
    if (this.#state === 'idle') this.#socket.destroy();
    else if (this.#state !== 'busy') this.#handOver();
  };

  #handOver(): void {
    this.#socket
      .off('data', this.#receive)
      .off('end', this.#end)
      .off('timeout', this.#late)
      .off('error', ignore)
      .setTimeout(0);
    this.#options.handOver(this.#socket, this.#received === 0 ? undefined : Buffer.concat(this.#chunks));
  }
}

function ignore(): void {}

/** What `node:http` would send. */
function messageOf({ status, headers, body }: Reply, keepAlive: number | undefined): string {
  let fields = '';
  if (headers !== undefined) for (const name in headers) fields += `${name}: ${headers[name]}\r\n`;
  const connection =
    keepAlive === undefined
      ? 'Connection: close\r\n'
      : `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAlive / 1000)}\r\n`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${body.length}\r\n${fields}Date: ${date()}\r\n${connection}\r\n${body}`
  );
}

let second = 0;
let dateOfSecond = '';

function date(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    dateOfSecond = new Date(now * 1000).toUTCString();
  }
  return dateOfSecond;
}
