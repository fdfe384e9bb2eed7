import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { adminSocket, connectTo } from '../admin-socket.js';
import { instanceOf, type Whereabouts } from '../instance.js';
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

/** The admin API of the server that runs on the same configuration, by its socket: that asks for no token. */
export class AdminClient {
  readonly #socket: string;

  private constructor({ server }: Whereabouts) {
    this.#socket = adminSocket(server);
  }

  /**
   * `undefined` when no server runs, or when what answers there is another one.
   * @throws CommandError when one may run that this user cannot ask
   */
  static async find(config: Whereabouts): Promise<AdminClient | undefined> {
    const client = new AdminClient(config);
    try {
      const { instance } = await client.get<{ readonly instance?: string }>('/api/instance', 1000);
      return instance === instanceOf(config) ? client : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') return undefined;
      const socket = client.#socket;
      throw new CommandError(
        `${socket} is another user's: run this command as the user that the server runs as`,
      );
    }
  }

  /** @param timeout milliseconds */
  get<T>(path: string, timeout = 60_000): Promise<T> {
    return this.#ask<T>('GET', path, undefined, timeout);
  }

  /** @param timeout milliseconds */
  post<T>(path: string, body: unknown, timeout = 60_000): Promise<T> {
    return this.#ask<T>('POST', path, JSON.stringify(body), timeout);
  }

  async #ask<T>(method: string, path: string, body: string | undefined, timeout: number): Promise<T> {
    const { status, text } = await this.#exchange(method, path, body, timeout);
    const answer = JSON.parse(text) as T & { readonly error?: string };
    if (status < 300) return answer;
    throw new ServerError(answer.error ?? `the server answered ${status}`, status);
  }

  #exchange(
    method: string,
    path: string,
    body: string | undefined,
    timeout: number,
  ): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        Host: 'localhost',
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      };
      const createConnection = () => connectTo(this.#socket);
      const signal = AbortSignal.timeout(timeout);
      request({ method, path, headers, createConnection, signal }, (response) => {
        text(response).then((told) => resolve({ status: response.statusCode ?? 0, text: told }), reject);
      })
        .on('error', reject)
        .end(body);
    });
  }
}
