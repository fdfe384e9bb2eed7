import type { Config } from '../../config/schema.js';
import { adminUrl, instanceOf } from '../instance.js';
import { CommandError } from './exit.js';

/** The admin API of the server that runs on the same configuration. */
export class AdminClient {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(config: Config) {
    this.#url = adminUrl(config);
    const { token } = config.server.admin;
    this.#headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  }

  /** `undefined` when no server runs, or when what answers there is another one. */
  static async find(config: Config): Promise<AdminClient | undefined> {
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

  post<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'Content-Type': 'application/json' };
    return this.#ask<T>(path, { method: 'POST', headers, body: JSON.stringify(body) }, 60_000);
  }

  async #ask<T>(path: string, init: RequestInit, timeout: number): Promise<T> {
    const response = await fetch(this.#url + path, {
      ...init,
      headers: { ...this.#headers, ...(init.headers as Record<string, string> | undefined) },
      signal: AbortSignal.timeout(timeout),
    });
    const answer = (await response.json()) as T & { readonly error?: string };
    if (!response.ok) throw new CommandError(answer.error ?? `the server answered ${response.status}`);
    return answer;
  }
}
