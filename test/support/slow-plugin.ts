import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type Batch, type Destination, definePlugin, duration, path } from '../../core/index.js';

interface Options {
  readonly file: string;
  readonly pace: number;
}

/**
 * A third party's warehouse that takes long for each write, until there is a file of its name with `.fast` behind
 * it. It keeps a line for each row.
 */
class Slow implements Destination {
  readonly #options: Options;
  readonly #ids = new Set<string>();

  constructor(options: Options) {
    this.#options = options;
  }

  async open(): Promise<void> {}
  async ensureTable(): Promise<void> {}
  async check(): Promise<void> {}

  async write({ id, rows }: Batch, signal: AbortSignal): Promise<void> {
    const { file, pace } = this.#options;
    if (!existsSync(`${file}.fast`)) await sleep(pace, undefined, { signal });
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    const lines = rows.map(({ requestId, timestamp, key, body }) =>
      JSON.stringify([requestId, timestamp, key, Buffer.from(body).toString('base64')]),
    );
    appendFileSync(file, lines.map((line) => `${line}\n`).join(''));
  }

  async close(): Promise<void> {}
}

export default definePlugin({
  kind: 'destination',
  name: 'slow',
  config: z.object({ file: path(), pace: duration() }),
  create: (config) => new Slow(config),
});
