import type { IncomingMessage } from 'node:http';

/** `uri-host [":" port]`, or nothing (RFC 9110, 7.2); what a name is made of is not looked at. */
export const hostForm = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]*)?$/;

/**
 * Whether a request that `node:http` takes is one by RFC 9112 as well. Where it is not, two servers in a row
 * may read it in two ways, and what follows on the connection is not to be trusted.
 */
export function isWellFormed({ httpVersion, headers, rawHeaders }: IncomingMessage): boolean {
  // 2.5: another version is another protocol. `node:http` takes 0.9 and 2.0 too.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return false;
  // 6.1: HTTP/1.0 has no transfer codings. Of those there are, only `chunked` is undone here.
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (httpVersion === '1.0' || coding.toLowerCase() !== 'chunked')) return false;
  // 3.2: exactly one Host, of its form; in HTTP/1.0 there may be none.
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'host') continue;
    hosts++;
    if (!hostForm.test(rawHeaders[at + 1] ?? '')) return false;
  }
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0');
}
