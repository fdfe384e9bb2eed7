import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, Destination, Logger, Row, TableName, TimeRange } from 'hookline/plugin';
import { Dataset } from './dataset.js';
import { GivenUp } from './given-up.js';
import { Jobs } from './jobs.js';
import { Landing } from './landing.js';
import { checkName, ledgerName } from './name.js';
import { type BigqueryOptions, isStreaming } from './options.js';
import { Origins } from './origins.js';
import { Queries } from './queries.js';
import { Service } from './service.js';
import type { Statistics } from './statistics.js';
import { Streams } from './streams.js';

/** How long `close` waits for a job that was given up, and that for an upload to arrive. Milliseconds. */
const [patience, upload] = [10_000, 200];

/** A dataset that rows land in, and what is asked of it; how a batch lands is `Landing`. */
export class BigqueryDestination implements Destination {
  readonly billsLooks = true;
  /** Absent by `load-job`, which has no ledger. */
  readonly newestBatch?: NonNullable<Destination['newestBatch']>;
  readonly #isStreaming: boolean;
  readonly #service: Service;
  readonly #dataset: Dataset;
  readonly #jobs: Jobs;
  readonly #streams: Streams;
  readonly #queries: Queries;
  readonly #origins: Origins;
  readonly #landing: Landing;
  readonly #givenUp = new GivenUp();

  constructor(options: BigqueryOptions, statistics: Statistics, logger: Logger) {
    this.#isStreaming = isStreaming(options);
    this.#service = new Service(options, statistics);
    this.#dataset = new Dataset(options, this.#service);
    this.#jobs = new Jobs(this.#service, statistics, options.labels);
    this.#streams = new Streams(options, statistics);
    this.#queries = new Queries(options, this.#service, statistics);
    this.#origins = new Origins(this.#dataset, this.#queries, logger);
    if (this.#isStreaming) this.newestBatch = (spool, signal) => this.#origins.newest(spool, signal);
    this.#landing = new Landing({
      options,
      statistics,
      service: this.#service,
      dataset: this.#dataset,
      jobs: this.#jobs,
      streams: this.#streams,
      queries: this.#queries,
      origins: this.#origins,
    });
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const account = await this.#service.open();
    await this.#dataset.open(signal);
    if (this.#isStreaming) this.#streams.open(account);
  }

  async ensureTable(table: TableName, signal: AbortSignal): Promise<void> {
    await this.#dataset.ensureTable(table, this.#isStreaming, signal);
    if (this.#isStreaming) await this.#origins.ensure(signal);
  }

  async check(tables: readonly TableName[], signal: AbortSignal): Promise<void> {
    for (const table of tables) checkName(table);
    await this.#dataset.open(signal);
    await this.#mayRun(signal);
    if (this.#isStreaming) await this.#dataset.checkTable(ledgerName, signal);
    for (const table of tables) {
      const found = await this.#dataset.checkTable(table, signal);
      if (found !== undefined && this.#isStreaming) await this.#landing.checkStream(table, signal);
    }
  }

  async write(batch: Batch, signal: AbortSignal): Promise<void> {
    try {
      await this.#landing.land(batch, signal);
    } catch (error) {
      if (signal.aborted) this.#givenUp.add(this.#rest(batch));
      throw error;
    }
  }

  async latest(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]> {
    checkName(table);
    const found = await this.#dataset.fits(table, signal);
    if (found === undefined) return [];
    return await this.#queries.latest(table, found, limit, this.#dataset.location, signal);
  }

  async *requestIds(table: TableName, range: TimeRange, signal: AbortSignal): AsyncGenerator<string[]> {
    checkName(table);
    const found = await this.#dataset.fits(table, signal);
    if (found === undefined) return;
    yield* this.#queries.requestIds(table, found, range, this.#dataset.location, signal);
  }

  async close(): Promise<void> {
    await this.#givenUp.over();
    await this.#streams.close();
    this.#service.close();
  }

  /** Waits for the job of a write that was given up: once it is there, BigQuery goes on with it. */
  async #rest(batch: Batch): Promise<void> {
    const signal = AbortSignal.timeout(patience);
    await sleep(upload);
    const last = await this.#jobs.last(batch.id, this.#dataset.location, signal);
    if (last !== undefined) await this.#jobs.ended(last, this.#dataset.location, signal);
  }

  /** A dry run of a query needs the right to run jobs, and runs none. */
  async #mayRun(signal: AbortSignal): Promise<void> {
    await this.#service.call(
      {
        doing: 'checking the right to run jobs',
        permission: 'bigquery.jobs.create',
        method: 'POST',
        path: '/queries',
        body: { query: 'SELECT 1', useLegacySql: false, dryRun: true, location: this.#dataset.location },
      },
      signal,
    );
  }
}
