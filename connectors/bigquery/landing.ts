import { type Batch, ConfigError, PermanentError, RetryableError } from 'hookline/plugin';
import type { Dataset } from './dataset.js';
import { brokenConnection, errorOf, type Verdict, verdictOf } from './errors.js';
import { type Attempt, hasFailed, type Jobs } from './jobs.js';
import { isTooLong, uploadOf } from './json-rows.js';
import { ledgerName, quoteText } from './name.js';
import { type BigqueryOptions, isStreaming } from './options.js';
import type { Origins } from './origins.js';
import { encodedLength } from './proto-rows.js';
import type { Queries } from './queries.js';
import type { Service } from './service.js';
import type { Statistics } from './statistics.js';
import { StreamRefused } from './stream-refused.js';
import type { Streams } from './streams.js';

/** BigQuery forgets jobs after six months. Milliseconds. */
const memory = 150 * 86_400_000;
/** A stream that is not found may just not be known yet where we ask. Milliseconds. */
const rumour = 600_000;

export interface LandingParts {
  readonly options: BigqueryOptions;
  readonly statistics: Statistics;
  readonly service: Service;
  readonly dataset: Dataset;
  readonly jobs: Jobs;
  readonly streams: Streams;
  readonly queries: Queries;
  readonly origins: Origins;
}

/**
 * What decides is a job under an id made of the batch's: BigQuery takes each id once.
 * - A load job loads the rows: it is there once the upload is whole, and then lands all of them or none.
 * - A query job enters a write stream into the ledger, whose rows are complete by then. From here on the
 *   batch is that stream, for whoever comes; it can be committed once, and a second time is told so.
 * A job that has failed, or whose stream has come to nothing for certain, gives way to the next number.
 */
export class Landing {
  readonly #options: BigqueryOptions;
  readonly #statistics: Statistics;
  readonly #service: Service;
  readonly #dataset: Dataset;
  readonly #jobs: Jobs;
  readonly #streams: Streams;
  readonly #queries: Queries;
  readonly #origins: Origins;

  constructor({ options, statistics, service, dataset, jobs, streams, queries, origins }: LandingParts) {
    this.#options = options;
    this.#statistics = statistics;
    this.#service = service;
    this.#dataset = dataset;
    this.#jobs = jobs;
    this.#streams = streams;
    this.#queries = queries;
    this.#origins = origins;
  }

  /** Resolves once every row of the batch is in its table, once. */
  async land(batch: Batch, signal: AbortSignal): Promise<void> {
    const location = this.#dataset.location;
    const last = await this.#jobs.last(batch.id, location, signal);
    if (last === undefined && isOld(batch) && (await this.#isThere(batch, 0, signal))) return;
    let attempt = last ?? (await this.#begin(batch, 0, signal));
    for (let own = last === undefined; ; own = true) {
      const { n, job } = await this.#jobs.ended(attempt, location, signal);
      if (hasFailed(job)) {
        if (own) throw this.#failed({ n, job }, batch);
      } else if (job.configuration?.load !== undefined || (await this.#lands(batch, { n, job }, signal))) {
        return;
      }
      attempt = await this.#begin(batch, n + 1, signal);
    }
  }

  /** Proves that a stream into the table may be made. */
  async checkStream(table: string, signal: AbortSignal): Promise<void> {
    await this.#streams.look(this.#dataset.path(table), signal).catch((error: unknown) => {
      throw this.#instructed(error, `checking table ${table}`, table);
    });
  }

  /** Sends the rows, and has a job say what becomes of them; or finds that one has said so already. */
  async #begin(batch: Batch, n: number, signal: AbortSignal): Promise<Attempt> {
    const fits = batch.rows.every((row) => encodedLength(row) <= this.#options.requestBytes);
    return isStreaming(this.#options) && fits
      ? await this.#stream(batch, n, signal)
      : await this.#load(batch, n, signal);
  }

  async #stream(batch: Batch, n: number, signal: AbortSignal): Promise<Attempt> {
    const path = this.#dataset.path(batch.table);
    try {
      const stream = await this.#streams.create(path, signal);
      await this.#streams.append(stream, batch.rows, signal);
      const rows = await this.#streams.finalize(stream, signal);
      if (rows !== batch.rows.length) {
        throw new RetryableError(
          `${this.#writing(batch)}: the stream has ${rows} of ${batch.rows.length} rows`,
        );
      }
      const values = [batch.id, batch.table, stream].map(quoteText).join(', ');
      const ledger = `\`${this.#service.project}\`.\`${this.#options.dataset}\`.\`${ledgerName}\``;
      const origin = this.#origins.of(batch);
      const from = origin === undefined ? '' : `, ${quoteText(origin.spool)}, ${origin.serial}`;
      const columns = `batch_id, table_name, stream, \`rows\`, \`bytes\`, fixed_at${from && ', spool, serial'}`;
      const query = `INSERT INTO ${ledger} (${columns})
        VALUES (${values}, ${batch.rows.length}, ${batch.bytes}, CURRENT_TIMESTAMP()${from})`;
      return await this.#jobs.query(batch.id, n, this.#dataset.location, query, signal);
    } catch (error) {
      throw this.#instructed(error, `writing to ${batch.table}`, batch.table);
    }
  }

  async #load(batch: Batch, n: number, signal: AbortSignal): Promise<Attempt> {
    if (batch.rows.some(isTooLong)) {
      throw new PermanentError(
        `${this.#writing(batch)}: a row is longer than BigQuery takes: 100 MB as a line of JSON`,
        { code: 'invalid' },
      );
    }
    const load = {
      destinationTable: {
        projectId: this.#service.project,
        datasetId: this.#options.dataset,
        tableId: batch.table,
      },
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      createDisposition: 'CREATE_NEVER',
      writeDisposition: 'WRITE_APPEND',
    };
    const lines = (head: object) =>
      uploadOf(head, batch.rows, (bytes) => this.#statistics.sent(bytes, 'load-job'));
    return await this.#jobs.load(batch.id, n, this.#dataset.location, load, lines, signal);
  }

  /** Whether the stream that the job has fixed is in the table now; false when it is sure that it never will be. */
  async #lands(batch: Batch, { job }: Attempt, signal: AbortSignal): Promise<boolean> {
    const stream = /'(projects\/[^']+\/streams\/[^']+)'/.exec(job.configuration?.query?.query ?? '')?.[1];
    if (stream === undefined) throw new RetryableError(`${this.#writing(batch)}: its job names no stream`);
    try {
      const account = await this.#service.open();
      this.#streams.open(account);
      if ((await this.#streams.commit(this.#dataset.path(batch.table), stream, signal)) === 'landed')
        return true;
    } catch (error) {
      throw this.#instructed(error, `committing to ${batch.table}`, batch.table);
    }
    // It was committed long ago and forgotten, or never and has expired. The table knows.
    const created = Number(job.statistics?.creationTime ?? 0);
    if (Date.now() - created < rumour) {
      throw new RetryableError(
        `${this.#writing(batch)}: its stream is not found; perhaps it is not known yet`,
      );
    }
    return await this.#isThere(batch, created, signal);
  }

  /** Whether the batch's rows are in the table: the first is there if all are. */
  async #isThere(batch: Batch, since: number, signal: AbortSignal): Promise<boolean> {
    const table = await this.#dataset.fits(batch.table, signal);
    const [row] = batch.rows;
    if (table === undefined || row === undefined) return false;
    return await this.#queries.has(batch.table, table, row, this.#dataset.location, since, signal);
  }

  #writing(batch: Batch): string {
    return `writing to ${batch.table}`;
  }

  /** Of a job that has failed. What BigQuery says of a file quotes it, so that is left out. */
  #failed({ n, job }: Attempt, batch: Batch): Error {
    const { reason = 'unknown', message } = job.status?.errorResult ?? {};
    const isLoad = job.configuration?.load !== undefined;
    const doing = `${this.#writing(batch)} by job ${job.jobReference?.jobId ?? n}`;
    const refusal = { code: reason, ...(!isLoad && message !== undefined && { text: message }) };
    // Of a file that it has read, `invalid` is a row that it does not take.
    if (isLoad && reason === 'invalid') return errorOf(refusal, doing, 'permanent');
    if (reason === 'notFound' && this.#dataset.isNew(batch.table)) return errorOf(refusal, doing, 'retry');
    return errorOf(refusal, doing);
  }

  #instructed(error: unknown, doing: string, table: string): unknown {
    if (error instanceof StreamRefused) {
      const { refusal, storageCode } = error;
      return this.#service.errorOf(
        refusal,
        doing,
        'bigquery.tables.updateData',
        this.#verdict(error, table, storageCode),
      );
    }
    if (error instanceof ConfigError || error instanceof RetryableError) return error;
    const broken = brokenConnection(error);
    return broken === undefined ? error : errorOf(broken, doing);
  }

  #verdict({ refusal, isOfRows }: StreamRefused, table: string, storageCode: string | undefined): Verdict {
    // Of a table that was just made BigQuery may not know the columns everywhere.
    if (isOfRows) return this.#dataset.isNew(table) && refusal.code !== 'ROW_ERRORS' ? 'retry' : 'permanent';
    const missing = refusal.code === 'NOT_FOUND' || storageCode === 'TABLE_NOT_FOUND';
    if (missing) return this.#dataset.isNew(table) || this.#dataset.isNew(ledgerName) ? 'retry' : 'config';
    return verdictOf(refusal);
  }
}

/** Whether BigQuery may have forgotten its jobs: a batch's id, a UUIDv7, says when it was sealed. */
function isOld({ id }: Batch): boolean {
  const sealed = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  return Date.now() - sealed > memory;
}
