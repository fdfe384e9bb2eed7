import type { Row } from '../../core/contract/chart.js';
import type { Batch, Destination, TableName } from '../../core/contract/destination.js';
import { PermanentError } from '../../core/contract/errors.js';

/** What the next call does instead of succeeding: throws what it is given, or runs it. */
type Fault = Error | ((batch: Batch) => Promise<void>);

/** A fake: a destination that keeps rows in memory and fails as the test says. */
export class ScriptedDestination implements Destination {
  readonly rows: Row[] = [];
  /** The ids of all writes that were tried, in order. */
  readonly tried: string[] = [];
  /** The bodies of each batch that landed. */
  readonly batches: string[][] = [];
  readonly writeFaults: Fault[] = [];
  readonly tableFaults: Error[] = [];
  /** Refuses these rows for ever. */
  refuses: ((row: Row) => Error | undefined) | undefined;
  /** Refuses these batches as they are. */
  refusesBatch: ((batch: Batch) => boolean) | undefined;
  readonly #ids = new Set<string>();

  async open(): Promise<void> {}

  async ensureTable(_table: TableName): Promise<void> {
    const fault = this.tableFaults.shift();
    if (fault !== undefined) throw fault;
  }

  async check(): Promise<void> {}

  async write(batch: Batch): Promise<void> {
    this.tried.push(batch.id);
    const fault = this.writeFaults.shift();
    if (fault instanceof Error) throw fault;
    await fault?.(batch);
    if (this.refusesBatch?.(batch)) throw new PermanentError('divide it');
    for (const row of batch.rows) {
      const refusal = this.refuses?.(row);
      if (refusal !== undefined) throw refusal;
    }
    if (this.#ids.has(batch.id)) return;
    this.#ids.add(batch.id);
    this.rows.push(...batch.rows);
    this.batches.push(batch.rows.map(({ body }) => Buffer.from(body).toString('utf8')));
  }

  async close(): Promise<void> {}

  get bodies(): string[] {
    return this.rows.map(({ body }) => Buffer.from(body).toString('utf8'));
  }
}
