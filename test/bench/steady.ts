import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { body } from './load.js';

/** When a request was answered with 200; milliseconds of `performance.now()`. */
export interface Answered {
  readonly requestId: string;
  readonly at: number;
}

/** Posts at a steady rate, whatever the answers do, over plain sockets: a client of HTTP would be the bottleneck. */
export class SteadySender {
  readonly answered: Answered[] = [];
  /** Requests for which no socket was free. */
  late = 0;
  readonly #free: Socket[] = [];
  readonly #sockets: Socket[] = [];
  readonly #request: string;

  private constructor(url: string) {
    const { host, pathname, search } = new URL(url);
    this.#request = `POST ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  static async open(url: string, connections: number): Promise<SteadySender> {
    const sender = new SteadySender(url);
    const { hostname, port } = new URL(url);
    await Promise.all(Array.from({ length: connections }, () => sender.#connect(hostname, Number(port))));
    return sender;
  }

  /** @param rate requests a second */
  async send(rate: number, seconds: number): Promise<void> {
    const begun = performance.now();
    for (let sent = 0; sent < rate * seconds; await sleep(2)) {
      for (
        const due = ((performance.now() - begun) / 1000) * rate;
        sent < Math.min(due, rate * seconds);
        sent++
      ) {
        const socket = this.#free.pop();
        if (socket === undefined) this.late++;
        else socket.write(this.#request);
      }
    }
    await sleep(500);
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(host: string, port: number): Promise<void> {
    const socket = connect({ host, port, noDelay: true });
    this.#sockets.push(socket);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      const found = /"__kdd_request_id": ?"([a-z]{20})".*\}\}/.exec(answer);
      if (found === null) return;
      answer = '';
      this.answered.push({ requestId: found[1] as string, at: performance.now() });
      this.#free.push(socket);
    });
    return new Promise((resolve, reject) => {
      socket.once('error', reject).once('connect', () => {
        this.#free.push(socket);
        resolve();
      });
    });
  }
}
