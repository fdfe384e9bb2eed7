import type { Arrival } from '../../core/intake/arrival.js';
import { hostForm } from './well-formed.js';

/** The head of a plain request. */
export interface PlainHead extends Arrival {
  /** Bytes of the head, the empty line included. */
  readonly length: number;
  /** Bytes of the body that follows. */
  readonly bodyLength: number;
}

/** A longer head is for `node:http`, which has a limit of its own. */
const longest = 8192;

/** A POST in HTTP/1.1 to a path, which some senders leave out before a query, then fields of one line each, with plain names and printable values. */
const form = /^POST [/?][!-"$-~]* HTTP\/1\.1\r\n(?:[A-Za-z0-9_-]+:[\t -~]*\r\n)+\r\n$/;

/** Fields that change how a message is read or answered, or what becomes of its connection. */
const unplain = new Set([
  'content-encoding',
  'expect',
  'http2-settings',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The bytes of a request with the path that its target lacks before the `?`; `undefined` where it lacks none.
 * `node:http` would refuse it, though nothing in it can be read in two ways.
 */
export function withPath(unread: Buffer): Buffer | undefined {
  const [method] = /^[A-Z]{3,7} (?=\?)/.exec(unread.toString('latin1', 0, 9)) ?? [];
  if (method === undefined) return undefined;
  return Buffer.concat([Buffer.from(`${method}/`), unread.subarray(method.length)]);
}

/**
 * Reads the head of a request as practically every sender writes it: the part of RFC 9112 that nobody can
 * read in two ways, with exactly one `Host` and one `Content-Length`. `undefined` says only that `chunk`
 * does not begin with such a head, not that anything is wrong with it.
 * @param peer the address of the connection's other end
 */
export function readPlainHead(chunk: Buffer, peer: string | undefined): PlainHead | undefined {
  const length = chunk.indexOf('\r\n\r\n', 0, 'latin1') + 4;
  if (length < 4 || length > longest) return undefined;
  const head = chunk.toString('latin1', 0, length);
  if (!form.test(head)) return undefined;

  let hosts = 0;
  let bodyLength: number | undefined;
  let authorization: string | undefined;
  const firstEnd = head.indexOf('\r\n');
  for (let start = firstEnd + 2; start < length - 2; ) {
    const colon = head.indexOf(':', start);
    const end = head.indexOf('\r\n', colon);
    const name = head.slice(start, colon).toLowerCase();
    if (name === 'host') {
      hosts++;
      if (!hostForm.test(head.slice(colon + 1, end).trim())) return undefined;
    } else if (name === 'content-length') {
      const value = head.slice(colon + 1, end).trim();
      if (bodyLength !== undefined || !/^[1-9][0-9]{0,9}$/.test(value)) return undefined;
      bodyLength = Number(value);
    } else if (name === 'authorization') {
      if (authorization !== undefined) return undefined;
      authorization = head.slice(colon + 1, end).trim();
    } else if (name === 'connection') {
      if (
        head
          .slice(colon + 1, end)
          .trim()
          .toLowerCase() !== 'keep-alive'
      )
        return undefined;
    } else if (unplain.has(name)) {
      return undefined;
    }
    start = end + 2;
  }
  if (hosts !== 1 || bodyLength === undefined) return undefined;
  const url = head.slice('POST '.length, firstEnd - ' HTTP/1.1'.length);
  const mark = url.indexOf('?');
  return {
    query: mark < 0 ? '' : url.slice(mark + 1),
    peer,
    length,
    bodyLength,
    header: (wanted) => (wanted === 'authorization' ? authorization : fieldOf(head, firstEnd + 2, wanted)),
  };
}

/** Few requests are asked for another field, so none is kept. */
function fieldOf(head: string, from: number, wanted: string): string | undefined {
  const values: string[] = [];
  for (const line of head.slice(from, -4).split('\r\n')) {
    const colon = line.indexOf(':');
    if (line.slice(0, colon).toLowerCase() === wanted) values.push(line.slice(colon + 1).trim());
  }
  return values.length === 0 ? undefined : values.join(', ');
}
