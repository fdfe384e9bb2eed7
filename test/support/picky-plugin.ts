import { existsSync } from 'node:fs';
import { z } from 'zod';
import { type Batch, type Destination, definePlugin, PermanentError, type Row } from '../../core/index.js';

/** A third party's plugin: keeps rows in memory, and refuses what is bad until a file named `forgiving` is there. */
class Picky implements Destination {
  readonly #rows: Row[] = [];

  async open(): Promise<void> {}
  async ensureTable(): Promise<void> {}
  async check(): Promise<void> {}

  async write(batch: Batch): Promise<void> {
    const bad = batch.rows.some(({ body }) => Buffer.from(body).includes('bad'));
    if (bad && !existsSync('forgiving')) throw new PermanentError('this destination refuses what is bad');
    this.#rows.push(...batch.rows);
  }

  async latest(_table: string, limit: number): Promise<Row[]> {
    return this.#rows.slice(-limit).reverse();
  }

  async close(): Promise<void> {}
}

export default definePlugin({
  kind: 'destination',
  name: 'picky',
  exclusive: true,
  config: z.object({}),
  create: () => new Picky(),
});
