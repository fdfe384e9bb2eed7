import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Batch, type Destination, definePlugin } from '../../core/index.js';

/**
 * A third party's plugin that ends its process, as the system does for want of memory, at a batch of more than ten
 * rows, until a file named `memory` is there. It keeps each batch's request ids in a file.
 */
class Deadly implements Destination {
  readonly #prefix: string;
  readonly retire?: NonNullable<Destination['retire']>;

  constructor(prefix: string, tells: boolean) {
    this.#prefix = prefix;
    if (tells) this.retire = async ({ id }) => (existsSync(this.#file(id)) ? 'landed' : 'void');
  }

  async open(): Promise<void> {}
  async ensureTable(): Promise<void> {}
  async check(): Promise<void> {}

  async write({ id, rows }: Batch): Promise<void> {
    if (rows.length > 10 && !existsSync('memory')) process.kill(process.pid, 'SIGKILL');
    if (existsSync(this.#file(id))) return;
    const draft = `${this.#prefix}-draft`;
    writeFileSync(draft, rows.map(({ requestId }) => `${requestId}\n`).join(''));
    renameSync(draft, this.#file(id));
  }

  async close(): Promise<void> {}

  #file(id: string): string {
    return `${this.#prefix}-${id}.ids`;
  }
}

/** The request ids of all that landed. */
export function landedIn(folder: string, prefix: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${prefix}-`) && name.endsWith('.ids'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1));
}

export default definePlugin({
  kind: 'destination',
  name: 'deadly',
  config: z.object({ prefix: z.string(), tells: z.boolean() }),
  create: ({ prefix, tells }) => new Deadly(prefix, tells),
});
