import { adminUrl, instanceOf, type Whereabouts } from '../instance.js';
import { CommandError, exitCodes } from './exit.js';

/** What the server answered instead of what it was asked for. */
export class ServerError extends CommandError {
  /** Another server has the load role. */
  readonly loadsNothing: boolean;

  constructor(message: string, status: number) {
    super(message, status === 422 ? exitCodes.config : exitCodes.failed);
    this.loadsNothing = status === 501;
  }
}

/** The admin API of the server that runs on the same configuration. */
export class AdminClient {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(config: Whereabouts) {
    this.#url = adminUrl(config);
    const { token } = config.server.admin;
    this.#headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  }

  /** `undefined` when no server runs, or when what answers there is another one. */
  static async find(config: Whereabouts): Promise<AdminClient | undefined> {
    const client = new AdminClient(config);
    try {
      const { instance } = await client.get<{ readonly instance?: string }>('/api/instance', 1000);
      return instance === instanceOf(config) ? client : undefined;
    } catch {
      return undefined;
    }
  }

  /** @param timeout milliseconds */
  get<T>(path: string, timeout = 60_000): Promise<T> {
    return this.#ask<T>(path, { method: 'GET' }, timeout);
  }

  /** @param timeout milliseconds */
  post<T>(path: string, body: unknown, timeout = 60_000): Promise<T> {
    const headers = { 'Content-Type': 'application/json' };
    return this.#ask<T>(path, { method: 'POST', headers, body: JSON.stringify(body) }, timeout);
  }

  async #ask<T>(path: string, init: RequestInit, timeout: number): Promise<T> {
    const response = await fetch(this.#url + path, {
      ...init,
      headers: { ...this.#headers, ...(init.headers as Record<string, string> | undefined) },
      signal: AbortSignal.timeout(timeout),
    });
    const answer = (await response.json()) as T & { readonly error?: string };
    if (response.ok) return answer;
    throw new ServerError(answer.error ?? `the server answered ${response.status}`, response.status);
  }
}
