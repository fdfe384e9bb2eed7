import { STATUS_CODES } from 'node:http';
import type { Arrival } from '../../core/intake/arrival.js';
import type { Reply } from '../../core/intake/reply.js';

/** An answer as `node:http` would send it. @param keepAlive milliseconds; `undefined` where the connection ends */
export function messageOf({ status, headers, body }: Reply, keepAlive: number | undefined): string {
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

export function currentSecond(): number {
  return Math.floor(Date.now() / 1000);
}

function date(): string {
  const now = currentSecond();
  if (now !== second) {
    second = now;
    dateOfSecond = new Date(now * 1000).toUTCString();
  }
  return dateOfSecond;
}

/** What is known of a request that could not be read. */
export function unreadFrom(peer: string | undefined): Arrival {
  return { query: '', peer, header: () => undefined };
}
