import { ConfigError, instructionOf, messageOf, PermanentError, RetryableError } from 'hookline/plugin';

type Verdict = 'retry' | 'config' | 'permanent';

/** By number: Snowflake's own, and from 400000 on the SDK's. */
const verdicts: Readonly<Record<number, Verdict>> = {
  603: 'retry', // internal error
  604: 'retry', // cancelled
  606: 'config', // no warehouse is chosen
  625: 'retry', // a lock was not to be had in time
  630: 'retry', // timed out
  1003: 'config', // syntax
  2003: 'config', // no such object, or no right to see it
  2043: 'config', // no such object, or no right to use it
  3001: 'config', // a right is missing
  90073: 'config', // a resource monitor's quota is used up
  90105: 'config', // no database is chosen
  90106: 'config', // no schema is chosen
  401001: 'retry', // no connection
  401004: 'retry', // the session's token is not known
  407001: 'retry',
  407002: 'retry', // the session has ended
  412001: 'config', // a certificate that was revoked
  405503: 'retry',
};

/** Those after which the same session is of no use, and a new one will do. */
const ended = new Set([
  390104, 390110, 390111, 390112, 390113, 390114, 390115, 401004, 405503, 407001, 407002,
]);

const advice: Readonly<Record<string, string>> = {
  606: 'set `warehouse`, or give the user a default one',
  90073: 'raise its quota, or wait for the next period',
  390100: 'check user and password',
  390144:
    "does ALTER USER … SET RSA_PUBLIC_KEY hold this key's other half, is the account right, and this machine's clock?",
  390189: 'check `role`, and that it is granted to the user',
  390303: 'the OAuth token is not valid: give a new one',
  390318: 'the OAuth token has expired: give a new one; `tokenFile` is read anew at each login',
  390422: "the account's network policy does not let this address in",
  'HTTP 403': 'is there such an account, and does its network policy let this address in?',
  'HTTP 404': 'is there such an account, at that address?',
  ECONNREFUSED: 'is the address right, and does a proxy stand between?',
  ENOTFOUND: 'no such host: check `account`, or the DNS',
  EAI_AGAIN: 'the DNS does not answer',
  ETIMEDOUT: 'does a firewall stand between?',
};

/** Node's codes for a certificate that is not to be trusted, and what OpenSSL says. */
const tls = /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|EPROTO)/;

/** What of an error of the SDK tells it apart. The rest of it, headers among them, goes nowhere. */
interface Told {
  readonly number: number;
  /** The server's number, the HTTP status or the system's code. */
  readonly code: string;
  readonly sqlState: string;
  /** Milliseconds that an HTTP answer asks to wait. */
  readonly delay?: number;
}

/**
 * The instruction that an error of the SDK amounts to; any other error is passed on.
 * @param grant the statement that gives the right which may be missing
 */
export function instructed(error: unknown, doing: string, grant?: string): unknown {
  if (instructionOf(error) !== undefined) return error;
  const told = toldBy(error);
  if (told === undefined) return error;
  const { number, code, sqlState, delay } = told;
  const hint = isMissing(told) && grant !== undefined ? `run: ${grant}` : advice[code];
  const state = sqlState === '' ? '' : `, SQLSTATE ${sqlState}`;
  const after = `(${code}${state}${queryOf(error)})${hint === undefined ? '' : `; ${hint}`}`;
  const verdict = verdictOf(told);
  // The server may quote the row that it fails at. The error itself holds the whole answer, so it is no cause.
  if (verdict === 'permanent') {
    return new PermanentError(`${doing}: Snowflake refuses a row ${after}`, { code });
  }
  // There is no row in what fails before it runs: a login, a compilation, a request.
  const known = verdict === 'config' || (number >= 390_000 && number < 420_000);
  const message = `${doing}: ${known ? withoutEnd(messageOf(error)) : 'it failed'} ${after}`;
  if (verdict === 'config') return new ConfigError(message);
  return new RetryableError(message, delay === undefined ? {} : { delay });
}

/** Whether it is an error of the server's, or of the SDK's protocol; one of an upload is not. */
export function isTold(error: unknown): boolean {
  return toldBy(error) !== undefined;
}

/** Whether the session has ended, so that another one may do better at once. */
export function isEnded(error: unknown): boolean {
  return ended.has(toldBy(error)?.number ?? 0);
}

function verdictOf({ number, code, sqlState }: Told): Verdict {
  const known = verdicts[number];
  if (tls.test(code)) return 'config';
  if (known !== undefined) return known;
  if (ended.has(number)) return 'retry';
  // The rest of the login's range: credentials, roles, policies. The SDK's 404xxx and 4055xx: its options.
  if (isLogin(number) || (number >= 404_000 && number < 406_000)) return 'config';
  if (code === 'HTTP 403' || code === 'HTTP 404') return 'config';
  // Of what a statement finds in the data: lengths, types, NOT NULL. 22000 alone says nothing.
  if (number >= 100_000 && number < 110_000 && sqlState.startsWith('22')) return 'permanent';
  return /^(28|42|0A)/.test(sqlState) ? 'config' : 'retry';
}

function isLogin(number: number): boolean {
  return number >= 390_000 && number < 391_000;
}

function isMissing({ number, sqlState }: Told): boolean {
  return [606, 2003, 2043, 3001].includes(number) || sqlState === '42501';
}

function toldBy(error: unknown): Told | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code, sqlState, response, cause } = error as SdkError;
  const number = Number(code);
  if (Number.isNaN(number)) return undefined;
  const state = typeof sqlState === 'string' ? sqlState : '';
  if (response?.statusCode !== undefined) {
    const seconds = Number(response.headers?.['retry-after']);
    const told = { number, code: `HTTP ${response.statusCode}`, sqlState: state };
    return seconds > 0 ? { ...told, delay: seconds * 1000 } : told;
  }
  const system = typeof cause?.code === 'string' ? cause.code : undefined;
  return { number, code: system ?? String(number), sqlState: state };
}

interface SdkError {
  readonly code: unknown;
  readonly sqlState?: unknown;
  readonly response?: { readonly statusCode?: number; readonly headers?: Record<string, unknown> };
  readonly cause?: { readonly code?: unknown };
}

/** So that its text can be looked up in QUERY_HISTORY by those who may see it. */
function queryOf(error: unknown): string {
  const id = (error as { data?: { queryId?: unknown } }).data?.queryId;
  return typeof id === 'string' ? `, query ${id}` : '';
}

function withoutEnd(text: string): string {
  return text.replace(/[\s.;]+$/, '');
}
