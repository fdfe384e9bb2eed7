import { Agent } from 'node:https';
import { createInterface } from 'node:readline';
import { addAbortSignal, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { ConfigError, RetryableError, readTls, type Tls } from 'hookline/plugin';
import { instructed } from './errors.js';
import { type Address, addressOf, type ClickhouseOptions } from './options.js';
import { everywhere, reading, type Settings, writing } from './settings.js';

/** Longer than the engine waits for a write: it is the engine that gives up. */
const requestTimeout = 3_600_000;
/** At once; more than the engine writes at once by default. */
const mostSockets = 10;
/** How long an insert that is given up is waited for, so as to know whether it has landed. */
const insertTimeout = 2000;
const listedAtOnce = 10_000;

interface Statement {
  readonly query: string;
  readonly values?: Readable;
  readonly settings?: Settings;
}

/** Statements over HTTP. Whatever fails comes out as an instruction. */
export class Server {
  readonly #options: ClickhouseOptions;
  #client: ClickHouseClient | undefined;
  /** Settings that this server knows. */
  #known: ReadonlySet<string> = everywhere;

  constructor(options: ClickhouseOptions) {
    this.#options = options;
  }

  /** Opened again after a close, if need be. */
  async open(): Promise<void> {
    if (this.#client !== undefined) return;
    const { tls, ...address } = addressOf(this.#options);
    const secured = tls && (await agentOf(tls, address));
    this.#client ??= createClient({
      ...address,
      ...secured,
      request_timeout: requestTimeout,
      application: 'hookline',
      log: { level: ClickHouseLogLevel.OFF },
    });
  }

  /** Asks which settings the server knows; resolves to what each of them is for this user. */
  async settings(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    // In one row, as the profile may limit their number.
    const query = 'SELECT groupArray(name) AS names, groupArray(value) AS values FROM system.settings';
    const [found] = await this.read<{ names: string[]; values: string[] }>('checking', signal, query);
    if (found === undefined) throw new ConfigError("the user's profile hides rows: give it another one");
    this.#known = new Set([...everywhere, ...found.names]);
    return new Map(found.names.map((name, at) => [name, found.values[at] ?? '']));
  }

  /** Runs a statement; resolves to what it answers. An abort ends it at once. */
  async run(what: string, signal: AbortSignal, query: string): Promise<Buffer> {
    return await this.#send(what, signal, signal, { query, settings: reading });
  }

  /** Runs a query; resolves to its rows, as objects. */
  async read<T>(what: string, signal: AbortSignal, query: string): Promise<T[]> {
    const answer = await this.run(what, signal, `${query} FORMAT JSONEachRow`);
    return answer
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  }

  /** The `id`s that a query gives, some at a time. */
  async *list(what: string, signal: AbortSignal, query: string): AsyncGenerator<string[]> {
    const stream = await this.#begin(what, signal, signal, {
      query: `${query} FORMAT JSONEachRow`,
      // Else the server would go on for nobody.
      settings: { ...reading, cancel_http_readonly_queries_on_client_close: 1 },
    });
    const lines = createInterface({ input: stream });
    // They pass an error on to whoever reads them, and throw it where nobody does just now.
    lines.on('error', () => {});
    try {
      let ids: string[] = [];
      for await (const line of lines) {
        ids.push((JSON.parse(line) as { readonly id: string }).id);
        if (ids.length < listedAtOnce) continue;
        yield ids;
        ids = [];
      }
      if (!stream.readableEnded) throw new RetryableError(`${what}: the connection was lost`);
      if (ids.length > 0) yield ids;
    } catch (error) {
      signal.throwIfAborted();
      throw instructed(error, what);
    } finally {
      stream.destroy();
    }
  }

  /**
   * Inserts one block of the format Native; none where it is empty. Once it has begun an abort waits for the
   * answer, as the server goes on with an INSERT whose client is gone; not for long, as the server may be gone.
   */
  async insert(
    what: string,
    signal: AbortSignal,
    query: string,
    block: Buffer,
    token: string | undefined,
  ): Promise<void> {
    const late = new AbortController();
    const abort = () => setTimeout(() => late.abort(), insertTimeout).unref();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const values = Readable.from(block.length === 0 ? [] : [block], { objectMode: false });
      await this.#send(what, signal, late.signal, {
        query: `${query} FORMAT Native`,
        values,
        settings: writing(token),
      });
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }

  async #send(what: string, signal: AbortSignal, cut: AbortSignal, request: Statement): Promise<Buffer> {
    const stream = await this.#begin(what, signal, cut, request);
    try {
      return await buffer(stream);
    } catch (error) {
      signal.throwIfAborted();
      throw instructed(error, what, aboutOf(request));
    }
  }

  /** Resolves to what is answered as soon as it begins to come; an abort ends it at any time. */
  async #begin(what: string, signal: AbortSignal, cut: AbortSignal, request: Statement): Promise<Readable> {
    signal.throwIfAborted();
    if (this.#client === undefined) throw new RetryableError(`${what}: it is closed`);
    try {
      const { settings = {}, ...statement } = request;
      const clickhouse_settings = Object.fromEntries(
        Object.entries(settings).filter(([name]) => this.#known.has(name)),
      );
      const { stream } = await this.#client.exec({ ...statement, clickhouse_settings, abort_signal: cut });
      // The client itself heeds the signal only until then.
      return addAbortSignal(cut, stream);
    } catch (error) {
      signal.throwIfAborted();
      throw instructed(error, what, aboutOf(request));
    }
  }
}

function aboutOf({ values }: Statement): 'rows' | 'names' {
  return values === undefined ? 'names' : 'rows';
}

/** The client's own options know no name and no way to verify less, so the agent is ours. */
async function agentOf(tls: Tls, { username, password }: Omit<Address, 'tls'>) {
  const agent = new Agent({ keepAlive: true, maxSockets: mostSockets, ...(await readTls(tls)) });
  if (tls.cert === undefined || password !== '') return { http_agent: agent };
  // The certificate is all that the user shows: https://clickhouse.com/docs/guides/sre/ssl-user-auth
  const headers = { 'X-ClickHouse-User': username, 'X-ClickHouse-SSL-Certificate-Auth': 'on' };
  return { http_agent: agent, set_basic_auth_header: false, http_headers: headers };
}
