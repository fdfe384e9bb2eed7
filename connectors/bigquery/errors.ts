import { ConfigError, instructionOf, PermanentError, RetryableError } from 'hookline/plugin';

export type Verdict = 'retry' | 'config' | 'permanent';

/** What BigQuery answers, in the words of either of its APIs. */
export interface Refusal {
  /** `accessDenied`, `PERMISSION_DENIED`, or a code of Node's such as `ECONNREFUSED`. */
  readonly code: string;
  /** The HTTP status, where there is one. */
  readonly status?: number;
  /** BigQuery's own words, where they cannot quote a row. */
  readonly text?: string;
  /** Milliseconds that it asks to wait. */
  readonly delay?: number;
}

/**
 * What to do by BigQuery's reason. One that is not here is judged by the HTTP status.
 * https://cloud.google.com/bigquery/docs/error-messages
 */
const reasons: Readonly<Record<string, Verdict>> = {
  accessDenied: 'config',
  accessNotConfigured: 'config', // the API is not enabled in the project
  authError: 'config',
  backendError: 'retry',
  billingNotEnabled: 'config',
  billingTierLimitExceeded: 'config',
  blocked: 'config',
  bytesBilledLimitExceeded: 'config', // only looks at the newest rows have a limit
  forbidden: 'config',
  internalError: 'retry',
  invalidQuery: 'config',
  invalidUser: 'retry',
  jobBackendError: 'retry',
  jobInternalError: 'retry',
  jobRateLimitExceeded: 'retry',
  notFound: 'config',
  notImplemented: 'config',
  proxyAuthenticationRequired: 'config',
  quotaExceeded: 'retry', // it fills up again within minutes
  rateLimitExceeded: 'retry',
  resourceInUse: 'retry',
  resourcesExceeded: 'retry',
  stopped: 'retry', // somebody has cancelled the job
  tableUnavailable: 'retry',
  timeout: 'retry',
  userRateLimitExceeded: 'retry',
};

/** https://grpc.io/docs/guides/status-codes; INVALID_ARGUMENT of rows is judged by who has sent them. */
const statuses: Readonly<Record<string, Verdict>> = {
  PERMISSION_DENIED: 'config',
  UNAUTHENTICATED: 'config',
  NOT_FOUND: 'config',
};

/** What goes wrong between here and there. */
const networkCode = /^(E[A-Z]+|EAI_[A-Z]+|UND_ERR_\w+|ERR_STREAM_\w+)$/;
const tlsCode = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH)/;

const advice: Readonly<Record<string, string>> = {
  accessNotConfigured: 'enable the API: gcloud services enable bigquery.googleapis.com',
  authError: 'check the credentials',
  UNAUTHENTICATED: 'check the credentials',
  bytesBilledLimitExceeded:
    'the table is too large for a look at its newest rows: query a part of it yourself',
  billingNotEnabled: 'link the project to a billing account',
  ECONNREFUSED: 'is the address right, and does it listen?',
  ENOTFOUND: 'no such host: check its name, or the DNS',
  EAI_AGAIN: 'the DNS does not answer',
};

export function verdictOf({ code, status }: Refusal): Verdict {
  if (tlsCode.test(code)) return 'config';
  const known = reasons[code] ?? statuses[code];
  if (known !== undefined) return known;
  if (status === 401 || status === 403 || status === 404) return 'config';
  return 'retry';
}

/** @param hint what to do, if the operation knows better than the code */
export function errorOf(refusal: Refusal, doing: string, verdict = verdictOf(refusal), hint?: string): Error {
  const { code, text, delay } = refusal;
  const what = text === undefined || text === '' ? code : `${text} (${code})`;
  const help = hint ?? advice[code];
  const message = `${doing}: ${what}${help === undefined ? '' : `; ${help}`}`;
  if (verdict === 'config') return new ConfigError(message);
  if (verdict === 'permanent') return new PermanentError(message, { code });
  return new RetryableError(message, delay === undefined ? {} : { delay });
}

/** What `fetch` or a socket failed with; `undefined` when it is no such thing, but a bug. */
export function brokenConnection(error: unknown): Refusal | undefined {
  for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const { code, cause, error: inner } = at as { code?: unknown; cause?: unknown; error?: unknown };
    if (typeof code === 'string' && (networkCode.test(code) || tlsCode.test(code))) return { code };
    at = cause ?? inner;
  }
  return undefined;
}

export function isInstruction(error: unknown): boolean {
  return instructionOf(error) !== undefined;
}

/** `5s`, `0.250s`: a duration of protobuf's in JSON. */
export function secondsOf(duration: unknown): number | undefined {
  const seconds = typeof duration === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(duration)?.[1] : undefined;
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1000);
}
