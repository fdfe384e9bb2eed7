import { z } from 'zod';
import {
  type Batch,
  type Destination,
  definePlugin,
  keys,
  type Logger,
  PermanentError,
  RetryableError,
  type Row,
  secret,
} from '../../core/index.js';

interface Options {
  readonly url: string;
  readonly password: string;
}

/** A third party's plugin that tells all it knows: in its log, in instructions and in plain errors. */
class Leaky implements Destination {
  readonly #options: Options;
  readonly #logger: Logger;

  constructor(options: Options, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  async open(): Promise<void> {
    const { url, password } = this.#options;
    this.#logger.info({ options: { url, password } }, `connecting, ${this.#text()}`);
  }

  async ensureTable(): Promise<void> {}

  async check(): Promise<void> {
    throw new RetryableError(`cannot connect, ${this.#text()}`);
  }

  async write({ rows }: Batch): Promise<void> {
    const bad = rows.some(({ body }) => Buffer.from(body).includes('bad'));
    if (bad) throw new PermanentError(`refused, ${this.#text()}`);
    throw new Error(`cannot write, ${this.#text()}`);
  }

  /** Throws where nobody can catch it, as an SDK's event may. */
  async latest(): Promise<Row[]> {
    setImmediate(() => {
      throw new Error(`cannot read, ${this.#text()}`);
    });
    return [];
  }

  async close(): Promise<void> {}

  #text(): string {
    const { url, password } = this.#options;
    return `${url}: the password is ${password} and ${decodeURIComponent(new URL(url).password)}`;
  }
}

export default definePlugin({
  kind: 'destination',
  name: 'leaky',
  config: z.object({ url: z.url(), password: secret(), fallback: secret().default('f4llback') }),
  create: (config, get) => new Leaky(config, get(keys.logger)),
});
