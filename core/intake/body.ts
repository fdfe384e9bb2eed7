import { isUtf8 } from 'node:buffer';
import { isJson } from './json.js';
import type { RefusalCode } from './request.js';

/**
 * The body as it goes to the warehouse: the posted bytes, without a leading byte-order mark; or why it
 * is refused. It has to be one JSON text (RFC 8259) in UTF-8.
 */
export function readBody(posted: Buffer): Buffer | RefusalCode {
  const marked = posted[0] === 0xef && posted[1] === 0xbb && posted[2] === 0xbf;
  const body = marked ? posted.subarray(3) : posted;
  if (isBlank(body)) return 'NO_BODY_PROVIDED';
  return isUtf8(body) && isJson(body) ? body : 'INVALID_PARAMETER: body';
}

function isBlank(body: Buffer): boolean {
  for (const byte of body) {
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}
