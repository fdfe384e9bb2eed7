import { createHash, timingSafeEqual } from 'node:crypto';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Config } from '../config/schema.js';
import { isLoopback } from '../config/server.js';
import { RateLimits } from '../core/intake/rate-limits.js';
import type { AdminToken } from './admin-token.js';

/** Wrong tokens that one address may try in a second; a right one is taken whatever came before it. */
const guesses = { requests: 5 } as const;

/** Open to whoever reaches the port; `/metrics` only where no token is configured, which is on loopback. */
const probes: readonly string[] = ['/live', '/ready'];
const openOnLoopback: readonly string[] = [...probes, '/metrics'];

/**
 * Who may use the admin API by its port: who has the token; the probes need none. Where the token is minted, the
 * listener is on loopback, and only requests that name a loopback host are served: a page in the operator's browser,
 * whose name someone points at 127.0.0.1, is not. A page of another site is served in neither case, and no body that
 * a form could send.
 * @param current as it is now, which a reload may change
 */
export function adminGuard(current: () => Config['server']['admin'], token: AdminToken): RequestHandler {
  const failures = new RateLimits(guesses);
  return (request, response, next) => {
    if (isOfAnotherSite(request)) {
      refuse(response, 403, 'pages of other sites are not served');
    } else if (request.method !== 'GET' && request.method !== 'HEAD' && !isJson(request)) {
      refuse(response, 415, 'expected Content-Type: application/json');
    } else if (token.isMinted && !isOwn(hostOf(request.headers.host), current().host)) {
      refuse(response, 403, 'this host name is not served');
    } else if ((token.isMinted ? openOnLoopback : probes).includes(request.path)) {
      next();
    } else {
      askToken(token.value, failures, request, response, next);
    }
  };
}

function askToken(
  token: string,
  failures: RateLimits,
  request: Request,
  response: Response,
  next: NextFunction,
): void {
  const failed = failures.of(request.socket.remoteAddress ?? '');
  const wait = failed.wait();
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given !== undefined && timingSafeEqual(sha256(given), sha256(token))) {
    next();
  } else if (wait > 0) {
    response.set('Retry-After', String(wait));
    refuse(response, 429, 'too many wrong tokens from this address');
  } else {
    if (given !== undefined) failed.take(0);
    response.set('WWW-Authenticate', 'Bearer');
    refuse(response, 401, 'a bearer token is needed');
  }
}

/** Browsers say where a request is from, and pages cannot make them say otherwise; nobody else says it at all. */
function isOfAnotherSite({ headers }: Request): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase();
}

function isOwn(host: string | undefined, configured: string): boolean {
  return host !== undefined && (isLoopback(host) || host === configured.toLowerCase());
}

function isJson({ headers }: Request): boolean {
  return /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '');
}

/** Without port and brackets. */
function hostOf(header = ''): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d+)?$/i.exec(header) ?? [];
  return (bracketed ?? plain)?.toLowerCase();
}

function refuse(response: Response, status: number, error: string): void {
  response.status(status).json({ error });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
