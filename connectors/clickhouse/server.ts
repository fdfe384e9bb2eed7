import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { ConfigError, RetryableError } from 'hookline/plugin';
import { instructed } from './errors.js';
import { addressOf, type ClickhouseOptions } from './options.js';

/** Longer than the engine waits for a write: it is the engine that gives up. */
const requestTimeout = 3_600_000;
/** How long an insert that is given up is waited for, so as to know whether it has landed. */
const insertTimeout = 2000;

export interface Insert {
  /** One block of the format Native; empty to insert nothing. */
  readonly block: Buffer;
  readonly settings: Readonly<Record<string, string | number>>;
}

/** Statements over HTTP. Whatever fails comes out as an instruction. */
export class Server {
  readonly #instance: string;
  readonly #options: ClickhouseOptions;
  #client: ClickHouseClient | undefined;

  constructor(instance: string, options: ClickhouseOptions) {
    this.#instance = instance;
    this.#options = options;
  }

  /** Opened again after a close, if need be. */
  async open(): Promise<void> {
    if (this.#client !== undefined) return;
    const { ssl } = this.#options;
    const tls = ssl && {
      ca_cert: await readPem(ssl.ca),
      ...(ssl.cert && ssl.key && { cert: await readPem(ssl.cert), key: await readPem(ssl.key) }),
    };
    this.#client ??= createClient({
      ...addressOf(this.#options),
      ...(tls !== undefined && { tls }),
      request_timeout: requestTimeout,
      application: 'hookline',
      log: { level: ClickHouseLogLevel.OFF },
    });
  }

  /** Runs a statement; resolves to what it answers. An abort ends it at once. */
  async run(what: string, signal: AbortSignal, query: string): Promise<Buffer> {
    return await this.#send(what, signal, signal, { query });
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

  /**
   * Inserts one block. Once it has begun an abort waits for the answer, as the server goes on with an
   * INSERT whose client is gone; not for long, as the server may be gone.
   */
  async insert(what: string, signal: AbortSignal, query: string, { block, settings }: Insert): Promise<void> {
    const late = new AbortController();
    const abort = () => setTimeout(() => late.abort(), insertTimeout).unref();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const values = Readable.from(block.length === 0 ? [] : [block], { objectMode: false });
      await this.#send(what, signal, late.signal, {
        query: `${query} FORMAT Native`,
        values,
        clickhouse_settings: settings,
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

  async #send(
    what: string,
    signal: AbortSignal,
    cut: AbortSignal,
    request: { query: string; values?: Readable; clickhouse_settings?: Insert['settings'] },
  ): Promise<Buffer> {
    signal.throwIfAborted();
    const doing = `${this.#instance}: ${what}`;
    if (this.#client === undefined) throw new RetryableError(`${doing}: it is closed`);
    try {
      const { stream } = await this.#client.exec({ ...request, abort_signal: cut });
      return await buffer(stream);
    } catch (error) {
      signal.throwIfAborted();
      throw instructed(error, doing);
    }
  }
}

async function readPem(file: string): Promise<Buffer> {
  return await readFile(file).catch((cause: unknown) => {
    throw new ConfigError(`ssl: ${file} cannot be read`, { cause });
  });
}
