import { timestampText } from './clock.js';
import type { RefusalCode } from './request.js';

/** An answer of the protocol; always a JSON text. Source: `protocol.md`, "The answer to …". */
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

/** The sender's fault: it gives up. */
export function refused(code: RefusalCode): Reply {
  return failure(400, code);
}

/** More than the pipeline's limit. @param wait seconds after which to try again */
export function tooManyRequests(wait: number): Reply {
  return failure(429, 'TOO_MANY_REQUESTS', { 'Retry-After': String(wait) });
}

export const replies = {
  methodNotAllowed: failure(405, 'METHOD_NOT_ALLOWED', { Allow: 'POST' }),
  bodyTooLarge: failure(413, 'BODY_TOO_LARGE'),
  unsupportedEncoding: failure(415, 'UNSUPPORTED_ENCODING'),
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
