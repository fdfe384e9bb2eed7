/**
 * Posts numbered letters over several connections, one request at a time on each, until SIGTERM, and notes in
 * its log what it was told before it counts it. It is a process of its own: whatever becomes of the server or of
 * the test, what was noted stays.
 * Argument: `Orders` as JSON.
 */
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { letterOf } from './letter.js';

export interface Orders {
  /** Known to the checker; letters are signed with it. */
  readonly name: string;
  readonly url: string;
  /** Where its log goes, as `NAME-SEQUENCE.ndjson`; under `.part` while it is written. */
  readonly folder: string;
  readonly connections: number;
  /** Requests a second; less where the answers take longer. */
  readonly rate: number;
  readonly seed: number;
  /** One letter in so many is refused by the warehouse. */
  readonly poison: number;
  /** Whether every other connection sends chunks, which `node:http` reads, and not Hookline itself. */
  readonly chunked: boolean;
  /** Notes after which the log goes on in a new file. */
  readonly notes: number;
}

/** A line of the log: without `id` the request was not answered 200, and may have landed once. */
export interface Note {
  readonly number: number;
  /** The TCP connection: what is acked on one was accepted in this order by one ack worker. */
  readonly connection: string;
  readonly id?: string;
  readonly at?: number;
}

const orders = JSON.parse(process.argv[2] ?? '{}') as Orders;
const { hostname, port, pathname, search } = new URL(orders.url);

/** Milliseconds after which an answer is not waited for any more. */
const patience = 20_000;

class Log {
  #sequence = 0;
  #count = 0;
  #lines = '';
  #file = this.#open();

  note(note: Note): void {
    if (this.#lines === '') setImmediate(() => this.flush());
    this.#lines += `${JSON.stringify(note)}\n`;
    this.#count++;
  }

  flush(): void {
    if (this.#lines === '') return;
    writeSync(this.#file, this.#lines);
    this.#lines = '';
    if (this.#count < orders.notes) return;
    this.close();
    this.#file = this.#open();
  }

  /** The file is whole from here on. */
  close(): void {
    closeSync(this.#file);
    renameSync(this.#path('part'), this.#path('ndjson'));
  }

  #open(): number {
    this.#sequence++;
    this.#count = 0;
    return openSync(this.#path('part'), 'a');
  }

  #path(ending: string): string {
    return join(orders.folder, `${orders.name}-${String(this.#sequence).padStart(8, '0')}.${ending}`);
  }
}

const log = new Log();
let number = 0;
let stopping = false;
const idle: Line[] = [];

/** One connection after the other. */
class Line {
  readonly #index: number;
  #incarnation = 0;
  #socket: Socket | undefined;
  #number = 0;
  #received: Buffer = Buffer.alloc(0);
  busy = false;

  constructor(index: number) {
    this.#index = index;
  }

  send(): void {
    this.busy = true;
    this.#number = ++number;
    this.#socket ??= this.#connect();
    this.#socket.write(this.#message());
  }

  #message(): Buffer {
    const { body } = letterOf(orders.seed, orders.name, this.#number, orders.poison);
    const chunked = orders.chunked && this.#index % 2 === 1;
    const head = `POST ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n`;
    return chunked
      ? Buffer.concat([
          Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`),
          body,
          Buffer.from('\r\n0\r\n\r\n'),
        ])
      : Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body]);
  }

  #connect(): Socket {
    this.#incarnation++;
    this.#received = Buffer.alloc(0);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    socket.setTimeout(patience, () => socket.destroy());
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#lost());
    return socket;
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#received.toString('latin1', 0, end);
    const whole = end + 4 + Number(/content-length: ([0-9]+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < whole) return;
    const body = this.#received.toString('utf8', end + 4, whole);
    this.#received = this.#received.subarray(whole);
    this.#answered(head.startsWith('HTTP/1.1 200 ') ? body : undefined);
  }

  #answered(body: string | undefined): void {
    const note = { number: this.#number, connection: `${orders.name}.${this.#index}.${this.#incarnation}` };
    if (body === undefined) {
      log.note(note);
      setTimeout(() => this.#free(), 50);
      return;
    }
    const { data } = JSON.parse(body) as {
      data: { __kdd_request_id: string; __kdd_request_unix_timestamp: number };
    };
    log.note({ ...note, id: data.__kdd_request_id, at: data.__kdd_request_unix_timestamp });
    this.#free();
  }

  #lost(): void {
    this.#socket = undefined;
    if (this.busy) this.#answered(undefined);
  }

  #free(): void {
    this.busy = false;
    idle.push(this);
  }
}

for (let index = 0; index < orders.connections; index++) idle.push(new Line(index));

let due = 0;
let last = performance.now();
const beat = setInterval(() => {
  const now = performance.now();
  due = Math.min(orders.connections, due + ((now - last) * orders.rate) / 1000);
  last = now;
  for (; due >= 1 && !stopping; due--) {
    const line = idle.shift();
    if (line === undefined) break;
    line.send();
  }
  if (!stopping || idle.length < orders.connections) return;
  clearInterval(beat);
  log.flush();
  log.close();
  process.exit(0);
}, 2);

process.on('SIGTERM', () => {
  stopping = true;
});
// Whoever started it is gone.
process.stdin.on('end', () => process.exit(1)).resume();
