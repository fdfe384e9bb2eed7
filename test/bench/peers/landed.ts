import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { NumberedSender } from './numbered-sender.js';
import type { Peer } from './peer.js';

/** No peer leaves a row lying for longer than its flush, of a second, and the write itself. */
const quiet = 5000;

/** What a peer has landed, as Postgres tells it. */
export class Landed {
  readonly #client: pg.Client;
  readonly #peer: Peer;

  private constructor(client: pg.Client, peer: Peer) {
    this.#client = client;
    this.#peer = peer;
  }

  static async look(databaseUrl: string, peer: Peer): Promise<Landed> {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    return new Landed(client, peer);
  }

  async rows(): Promise<number> {
    // Some make the table with the first row.
    const { rows } = await this.#client.query<{ there: boolean }>(
      'SELECT to_regclass($1) IS NOT NULL AS there',
      [this.#peer.table],
    );
    if (rows[0]?.there !== true) return 0;
    const counted = await this.#client.query<{ rows: number }>(
      `SELECT count(*)::float8 AS rows FROM "${this.#peer.table}"`,
    );
    return counted.rows[0]?.rows ?? 0;
  }

  /**
   * Waits until no row has come for five seconds; resolves to how many there are and when the last was seen to
   * come, in milliseconds of `performance.now()`.
   * @param patience milliseconds in which they must have come
   */
  async settled(patience = 180_000): Promise<{ readonly rows: number; readonly at: number }> {
    const end = performance.now() + patience;
    let last = { rows: await this.rows(), at: performance.now() };
    while (performance.now() - last.at < quiet) {
      if (performance.now() > end)
        throw new Error(`${this.#peer.name}: rows still come after ${patience} ms`);
      await sleep(200);
      const rows = await this.rows();
      if (rows !== last.rows) last = { rows, at: performance.now() };
    }
    return last;
  }

  /** How often each number is there. */
  async numbers(): Promise<ReadonlyMap<number, number>> {
    const found = await this.#client.query<{ number: number; times: number }>(
      `SELECT ${NumberedSender.numberIn(this.#peer.column)} AS number, count(*)::float8 AS times
        FROM "${this.#peer.table}" GROUP BY 1`,
    );
    return new Map(found.rows.map(({ number, times }) => [number, times]));
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}
