import { connect } from 'node:net';
import { body } from '../load.js';

const known = /"event_uuid":"[^"]*"/;

/** Posts bodies of the usual kind, each with a number of its own, and keeps which were answered 2xx. */
export class NumberedSender {
  readonly acked = new Set<number>();
  #next = 0;
  readonly #url: URL;

  constructor(url: string) {
    this.#url = new URL(url);
  }

  /** The SQL that finds the number in a column of bodies; it counts on `event_uuid` being there once. */
  static numberIn(column: string): string {
    return `substring("${column}" from '"event_uuid":"0*([0-9]+)"')::float8`;
  }

  /** One request at a time on each connection, until the other side closes it. */
  async sendUntilClosed(connections: number): Promise<void> {
    await Promise.all(Array.from({ length: connections }, () => this.#sendOn()));
  }

  #sendOn(): Promise<void> {
    const { hostname, port } = this.#url;
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    let number = 0;
    let answer = '';
    const post = () => {
      number = ++this.#next;
      socket.write(this.#request(number));
    };
    socket.on('connect', post);
    return new Promise((resolve, reject) => {
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
        try {
          if (!isWhole(answer)) return;
        } catch (error) {
          reject(error);
          socket.destroy();
          return;
        }
        if (/^HTTP\/1\.1 2/.test(answer)) this.acked.add(number);
        answer = '';
        post();
      });
      // A connection that is cut is what is waited for.
      socket.on('error', () => {}).on('close', () => resolve());
    });
  }

  #request(number: number): string {
    const { host, pathname, search } = this.#url;
    const numbered = body.replace(known, `"event_uuid":"${String(number).padStart(36, '0')}"`);
    const head = `POST ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json`;
    return `${head}\r\nContent-Length: ${Buffer.byteLength(numbered)}\r\n\r\n${numbered}`;
  }
}

/** Every peer says how long its answer is. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.slice(0, end))?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${answer.slice(0, end)}`);
  return answer.length >= end + 4 + Number(length);
}
