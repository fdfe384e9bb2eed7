import type { Row } from '../../core/contract/chart.js';
import type {
  Batch,
  Destination,
  QueryResult,
  Retired,
  TableName,
  TimeRange,
} from '../../core/contract/destination.js';
import type { NewestBatch } from '../../core/contract/serials.js';
import type { DuckDBOptions } from './destination.js';
import { type Asker, Engine } from './engine.js';
import { layoutOf, packRows, sizeOf } from './packed-rows.js';
import { Scratch } from './scratch.js';

let destinations = 0;
let lists = 0;

/** A destination whose file, and so all that DuckDB does, belongs to a process of its own. */
export class HostedDestination implements Destination {
  readonly #asker: Asker;
  readonly #scratch = new Scratch();
  #engine: Promise<Engine> | undefined;

  constructor(options: DuckDBOptions) {
    this.#asker = { destination: ++destinations, options };
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#engine ??= Engine.at(this.#asker.options.path);
    await (await this.#opened).ask(this.#asker, 'its opening', 'open', [], signal);
  }

  async ensureTable(table: TableName, signal: AbortSignal): Promise<void> {
    const during = `the making of table ${table}`;
    await (await this.#opened).ask(this.#asker, during, 'ensureTable', [table], signal);
  }

  async check(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    await (await this.#opened).ask(this.#asker, 'a check', 'check', [tables], signal);
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    const engine = await this.#opened;
    const { rows, ...rest } = batch;
    const layout = layoutOf(rows);
    const memory = this.#scratch.take(sizeOf(layout));
    packRows(rows, layout, memory);
    const packed = memory.subarray(0, sizeOf(layout));
    await engine.ask(
      this.#asker,
      `a write to ${batch.table}`,
      'write',
      [{ ...rest, layout }],
      signal,
      packed,
    );
    this.#scratch.giveBack(memory);
  }

  async retire({ id, table, bytes }: Batch, signal: AbortSignal): Promise<Retired> {
    const batch = { id, table, rows: [], bytes };
    return await (await this.#opened).ask(this.#asker, 'an entry in the ledger', 'retire', [batch], signal);
  }

  async newestBatch(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    return await (await this.#opened).ask(
      this.#asker,
      'a look into the ledger',
      'newestBatch',
      [spool],
      signal,
    );
  }

  async latest(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]> {
    const engine = await this.#opened;
    return [...(await engine.ask(this.#asker, `a look at ${table}`, 'latest', [table, limit], signal))];
  }

  async *requestIds(
    table: TableName,
    range: TimeRange,
    signal: AbortSignal,
  ): AsyncGenerator<readonly string[]> {
    const engine = await this.#opened;
    const list = ++lists;
    const during = `a list of ${table}`;
    await engine.ask(this.#asker, during, 'list', [list, table, range], signal);
    try {
      for (;;) {
        const ids = await engine.ask(this.#asker, during, 'next', [list], signal);
        if (ids === undefined) return;
        yield ids;
      }
    } finally {
      if (engine.pid !== undefined) await engine.ask(this.#asker, during, 'end', [list]).catch(() => {});
    }
  }

  async query(sql: string, limit: number, signal: AbortSignal): Promise<QueryResult> {
    return await (await this.#opened).ask(this.#asker, 'a query', 'query', [sql, limit], signal);
  }

  async close(): Promise<void> {
    const engine = await this.#engine;
    this.#engine = undefined;
    await engine?.release(this.#asker);
  }

  get #opened(): Promise<Engine> {
    if (this.#engine === undefined) throw new Error('it is not open');
    return this.#engine;
  }
}
