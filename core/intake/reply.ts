import { timestampText } from './clock.js';
import type { RefusalCode } from './request.js';

/** An answer of the protocol; a JSON text, but for the one to a handshake. Source: `protocol.md`, "The answer to …". */
export interface Reply {
  readonly status: number;
  readonly body: string;
  /** Further header fields. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The request is on disk. */
export function accepted(requestId: string, timestamp: number): Reply {
  return {
    status: 200,
    body: `{"success": true, "data": {"__kdd_request_id": "${requestId}", "__kdd_request_unix_timestamp": ${timestampText(timestamp)}}}`,
  };
}

/** A test of the URL is answered, and nothing is kept. @param body a JSON text in ASCII */
export function challenged(body: string): Reply {
  return { status: 200, body };
}

/** Likewise, where the answer is wanted as it is. @param text printable ASCII */
export function shakenHands(text: string): Reply {
  return { status: 200, body: text, headers: { 'Content-Type': 'text/plain', ...unsniffed } };
}

/** What a stranger made us say is never taken for a page. */
const unsniffed = { 'X-Content-Type-Options': 'nosniff' };

/** The sender's fault: it gives up. */
export function refused(code: RefusalCode): Reply {
  return failure(400, code);
}

/** More than the pipeline's limit. @param wait seconds after which to try again */
export function tooManyRequests(wait: number): Reply {
  return failure(429, 'TOO_MANY_REQUESTS', { 'Retry-After': String(wait) });
}

/** @param accepted the content encodings that are undone. Source: RFC 9110, 12.5.3 */
export function unsupportedEncoding(accepted: string): Reply {
  return failure(415, 'UNSUPPORTED_ENCODING', { 'Accept-Encoding': accepted });
}

/** A packed body that cannot be unpacked. */
export function brokenEncoding(accepted: string): Reply {
  return failure(400, 'INVALID_PARAMETER: body', { 'Accept-Encoding': accepted });
}

export const replies = {
  /** What came is no HTTP/1.1 by RFC 9112, or may be read in two ways. */
  malformed: failure(400, 'MALFORMED_REQUEST'),
  methodNotAllowed: failure(405, 'METHOD_NOT_ALLOWED', { Allow: 'POST' }),
  requestTimeout: failure(408, 'REQUEST_TIMEOUT'),
  bodyTooLarge: failure(413, 'BODY_TOO_LARGE'),
  headersTooLarge: failure(431, 'HEADERS_TOO_LARGE'),
  /** Our fault: the sender tries again. */
  overloaded: failure(503, 'OVERLOADED', { 'Retry-After': '5' }),
} as const;

function failure(status: number, code: string, headers?: Readonly<Record<string, string>>): Reply {
  const body = `{"success": false, "error": "${code}"}`;
  return headers === undefined ? { status, body } : { status, body, headers };
}

/** The error code of a failure. */
export function errorOf(reply: Reply): string {
  return (JSON.parse(reply.body) as { readonly error: string }).error;
}
