import type { Readable } from 'node:stream';
import { RetryableError } from 'hookline/plugin';
import { Account, instructed } from './account.js';
import { brokenConnection, errorOf, type Refusal, secondsOf, type Verdict, verdictOf } from './errors.js';
import { adviceOf, type Permission } from './grants.js';
import type { BigqueryOptions } from './options.js';
import type { Statistics } from './statistics.js';

export interface Call {
  /** For messages: `making table leads`. */
  readonly doing: string;
  /** What a refusal is for want of. */
  readonly permission?: Permission;
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Below the project: `/jobs`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Instead of a body: a file to load, in two parts. */
  readonly upload?: { readonly stream: Readable; readonly type: string };
}

/** BigQuery's answer was not a success. */
export class Refused extends Error {
  readonly refusal: Refusal;
  readonly status: number;

  constructor(refusal: Refusal & { readonly status: number }) {
    super(refusal.code);
    this.refusal = refusal;
    this.status = refusal.status;
  }
}

/**
 * BigQuery's REST API, one request at a time and each sent once: the engine is who repeats. Google's
 * client sends on its own account again what may have arrived, and takes no signal; so it lends its
 * credentials only.
 */
export class Service {
  readonly #options: BigqueryOptions;
  readonly #statistics: Statistics;
  readonly #endpoint: string;
  #account: Account | undefined;

  constructor(options: BigqueryOptions, statistics: Statistics) {
    this.#options = options;
    this.#statistics = statistics;
    this.#endpoint = new URL(options.apiEndpoint ?? 'https://bigquery.googleapis.com').origin;
  }

  async open(): Promise<Account> {
    this.#account ??= await Account.open(this.#options);
    return this.#account;
  }

  close(): void {
    this.#account = undefined;
  }

  /** @throws RetryableError when it is not open */
  get account(): Account {
    if (this.#account === undefined) throw new RetryableError('it is closed');
    return this.#account;
  }

  get project(): string {
    return this.account.project;
  }

  /** The answer's JSON. Whatever fails comes out as an instruction. */
  async call<T>(call: Call, signal: AbortSignal): Promise<T> {
    return await this.attempt<T>(call, signal).catch((error: unknown) => {
      throw this.instructed(error, call);
    });
  }

  /** The same, but `undefined` for an answer of that status. */
  async callUnless<T>(status: 404 | 409, call: Call, signal: AbortSignal): Promise<T | undefined> {
    return await this.attempt<T>(call, signal).catch((error: unknown) => {
      if (error instanceof Refused && error.status === status) return undefined;
      throw this.instructed(error, call);
    });
  }

  /** @throws Refused for an answer that is no success, an instruction for everything else */
  async attempt<T>(call: Call, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const { client, project } = this.account;
    const { upload } = call;
    const path = `${upload === undefined ? '' : '/upload'}/bigquery/v2/projects/${project}${call.path}`;
    const url = new URL(this.#endpoint + path);
    const query = { ...call.query, prettyPrint: 'false', ...(upload && { uploadType: 'multipart' }) };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    this.#statistics.request('rest');
    try {
      const { status, data, headers } = await client.request<T>({
        url: url.href,
        method: call.method,
        signal,
        retry: false,
        responseType: 'json',
        headers: { 'user-agent': 'hookline', ...(upload && { 'content-type': upload.type }) },
        ...(upload !== undefined && { data: upload.stream }),
        ...(call.body !== undefined && { data: call.body }),
        // Answers are judged here, but for a 401, at which some credentials are renewed and it is tried again.
        validateStatus: (status) => status !== 401,
      });
      if (status >= 200 && status < 300) return data;
      const refusal = refusalOf(status, data, headers.get('retry-after'));
      throw new Refused(upload === undefined ? refusal : withoutText(refusal));
    } catch (error) {
      upload?.stream.destroy();
      signal.throwIfAborted();
      throw this.#translated(error, call);
    }
  }

  /** What a refusal tells the engine to do. */
  instructed(error: unknown, { doing, permission }: Pick<Call, 'doing' | 'permission'>): unknown {
    if (!(error instanceof Refused)) return error;
    return this.errorOf(error.refusal, doing, permission, verdictOf(error.refusal));
  }

  errorOf(refusal: Refusal, doing: string, permission: Permission | undefined, verdict: Verdict): Error {
    const denied = ['accessDenied', 'forbidden', 'PERMISSION_DENIED'].includes(refusal.code);
    const hint = denied && permission !== undefined ? this.advice(permission) : undefined;
    return errorOf(refusal, doing, verdict, hint);
  }

  advice(permission: Permission): string {
    const { project, principal } = this.account;
    return adviceOf(permission, { project, principal, dataset: this.#options.dataset });
  }

  #translated(error: unknown, { doing }: Call): unknown {
    if (error instanceof Refused) return error;
    const { response, status } = error as { response?: { status: number; data: unknown }; status?: number };
    if (response?.status === 401 && !isToken(response.data)) {
      return new Refused(refusalOf(response.status, response.data, null));
    }
    const broken = brokenConnection(error);
    if (broken !== undefined) return errorOf(broken, doing);
    if (response !== undefined || status !== undefined) return instructed(error, doing);
    // An answer that breaks off, or is no JSON.
    return error instanceof SyntaxError || (error as Error).name === 'GaxiosError' || isFetch(error)
      ? new RetryableError(`${doing}: the answer broke off`)
      : instructed(error, doing);
  }
}

/** An answer of the service that gives tokens: `{"error": "invalid_grant"}`. */
function isToken(data: unknown): boolean {
  return typeof data === 'object' && data !== null && typeof (data as { error?: unknown }).error === 'string';
}

/** What is said of an upload may quote a row of it. */
function withoutText<R extends Refusal>({ text: _, ...refusal }: R): Omit<R, 'text'> {
  return refusal;
}

function isFetch(error: unknown): boolean {
  return ['FetchError', 'AbortError'].includes((error as Error).name);
}

interface ErrorBody {
  readonly error?: {
    readonly message?: string;
    readonly errors?: readonly { readonly reason?: string }[];
    readonly details?: readonly { readonly retryDelay?: string }[];
  };
}

function refusalOf(
  status: number,
  data: unknown,
  retryAfter: string | null,
): Refusal & { readonly status: number } {
  const { error } = (typeof data === 'object' ? (data ?? {}) : {}) as ErrorBody;
  const seconds = Number(retryAfter ?? Number.NaN);
  const delay =
    error?.details?.map(({ retryDelay }) => secondsOf(retryDelay)).find((value) => value !== undefined) ??
    (Number.isFinite(seconds) ? seconds * 1000 : undefined);
  return {
    status,
    code: error?.errors?.[0]?.reason ?? `HTTP ${status}`,
    ...(error?.message !== undefined && { text: error.message }),
    ...(delay !== undefined && { delay }),
  };
}
