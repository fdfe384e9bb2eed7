import { setTimeout as sleep } from 'node:timers/promises';
import { chart, type NewestBatch, type Row, type TimeRange } from 'hookline/plugin';
import { ledgerName, quoteName, quoteText } from './name.js';
import type { BigqueryOptions } from './options.js';
import type { Service } from './service.js';
import type { Statistics } from './statistics.js';
import { isByIngestion, type Table } from './table.js';

interface Answer {
  readonly jobComplete?: boolean;
  readonly jobReference?: { readonly jobId?: string };
  readonly pageToken?: string;
  readonly totalBytesBilled?: string;
  readonly totalBytesProcessed?: string;
  readonly rows?: readonly { readonly f: readonly { readonly v: string | null }[] }[];
}

const [requestId, timestamp] = chart.map(({ name }) => name);
const columns = chart.map(({ name }) => name).join(', ');
/** The newest rows are looked for in so many days first: a query is billed for what it looks at. */
const windows = [2, 32];

/** A look at the newest rows may cost as much as this: bytes that are billed, some 0.6 USD. */
const mostForALook = 100 * 1024 ** 3;

/** Rows of one page, at most; one that is too large has fewer. */
const pageLength = 50_000;

/** What we read: a query, which BigQuery bills by the bytes of the columns and partitions in it. */
export class Queries {
  readonly #options: BigqueryOptions;
  readonly #service: Service;
  readonly #statistics: Statistics;

  constructor(options: BigqueryOptions, service: Service, statistics: Statistics) {
    this.#options = options;
    this.#service = service;
    this.#statistics = statistics;
  }

  /** The newest rows of a table, newest first. */
  async latest(
    name: string,
    table: Table,
    limit: number,
    location: string,
    signal: AbortSignal,
  ): Promise<Row[]> {
    const from = `SELECT ${columns} FROM ${this.#quote(name)}`;
    const order = `ORDER BY ${timestamp} DESC LIMIT ${Math.trunc(limit)}`;
    for (const days of isByIngestion(table) ? windows : []) {
      const rows = await this.#read(`${from} WHERE ${since(days)} ${order}`, location, signal, mostForALook);
      if (rows.length >= limit) return rows.map(rowOf);
    }
    return (await this.#read(`${from} ${order}`, location, signal, mostForALook)).map(rowOf);
  }

  /** The request ids of a range, a page of BigQuery's at a time. */
  async *requestIds(
    name: string,
    table: Table,
    { from, to }: TimeRange,
    location: string,
    signal: AbortSignal,
  ): AsyncGenerator<string[]> {
    const float = (value: number) => `CAST('${value}' AS FLOAT64)`;
    // A row is in the partition of a later day, or in that of its own.
    const partitions = isByIngestion(table) ? ` AND ${after(from * 1000, table)}` : '';
    const query = `SELECT ${requestId} FROM ${this.#quote(name)}
       WHERE ${timestamp} >= ${float(from)} AND ${timestamp} < ${float(to)}${partitions}`;
    for await (const rows of this.#pages(query, location, signal, mostForALook)) {
      if (rows.length > 0) yield rows.map(([id]) => id ?? '');
    }
  }

  /** Of the batches of a spool in the ledger the one with the highest serial. */
  async newest(spool: string, location: string, signal: AbortSignal): Promise<NewestBatch | undefined> {
    const { dataset } = this.#options;
    const [newest] = await this.#read(
      `SELECT batch_id, serial FROM \`${this.#service.project}\`.\`${dataset}\`.\`${ledgerName}\`
        WHERE spool = ${quoteText(spool)} AND serial IS NOT NULL ORDER BY serial DESC LIMIT 1`,
      location,
      signal,
    );
    return newest && { id: newest[0] ?? '', serial: Number(newest[1]) };
  }

  /** Whether a row is in the table. @param since milliseconds since the epoch: it has not landed before */
  async has(
    name: string,
    table: Table,
    row: Row,
    location: string,
    since: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const where = isByIngestion(table) ? ` AND ${after(since, table)}` : '';
    const found = await this.#read(
      `SELECT ${requestId} FROM ${this.#quote(name)} WHERE ${requestId} = ${quoteText(row.requestId)}${where} LIMIT 1`,
      location,
      signal,
    );
    return found.length > 0;
  }

  #quote(table: string): string {
    return quoteName(this.#service.project, this.#options.dataset, table);
  }

  async #read(
    query: string,
    location: string,
    signal: AbortSignal,
    most?: number,
  ): Promise<(string | null)[][]> {
    const rows: (string | null)[][] = [];
    for await (const page of this.#pages(query, location, signal, most)) rows.push(...page);
    return rows;
  }

  async *#pages(
    query: string,
    location: string,
    signal: AbortSignal,
    most?: number,
  ): AsyncGenerator<(string | null)[][]> {
    const call = { doing: 'reading', permission: 'bigquery.jobs.create' } as const;
    const body = {
      query,
      location,
      useLegacySql: false,
      useQueryCache: false,
      timeoutMs: 10_000,
      maxResults: pageLength,
      labels: this.#options.labels,
      ...(most !== undefined && { maximumBytesBilled: String(most) }),
    };
    let answer = await this.#service.call<Answer>(
      { ...call, method: 'POST', path: '/queries', body },
      signal,
    );
    const id = answer.jobReference?.jobId ?? '';
    for (;;) {
      if (answer.jobComplete !== false) {
        yield (answer.rows ?? []).map(({ f }) => f.map(({ v }) => v));
        if (!answer.pageToken) break;
      } else {
        await sleep(100, undefined, { signal });
      }
      const page = answer.pageToken ? { pageToken: answer.pageToken } : {};
      const next = { location, timeoutMs: '10000', maxResults: String(pageLength), ...page };
      answer = await this.#service.call<Answer>(
        { ...call, method: 'GET', path: `/queries/${id}`, query: next },
        signal,
      );
    }
    this.#statistics.billed(Number(answer.totalBytesBilled ?? answer.totalBytesProcessed ?? 0));
  }
}

/** Rows that have just landed may be in no partition yet. */
function since(days: number): string {
  const start = `TIMESTAMP_TRUNC(TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${days} DAY), DAY)`;
  return `(_PARTITIONTIME >= ${start} OR _PARTITIONTIME IS NULL)`;
}

/** What came in since then, in milliseconds since the epoch, and perhaps some of before. */
function after(since: number, { timePartitioning }: Table): string {
  // A partition has the time at which it begins: those of a year the 1st of January.
  const part = /^(HOUR|DAY|MONTH|YEAR)$/.exec(timePartitioning?.type ?? '')?.[0] ?? 'YEAR';
  const start = `TIMESTAMP_TRUNC(TIMESTAMP_MILLIS(${Math.trunc(since) - 86_400_000}), ${part})`;
  return `(_PARTITIONTIME >= ${start} OR _PARTITIONTIME IS NULL)`;
}

function rowOf([id, time, key, body]: readonly (string | null)[]): Row {
  return {
    requestId: id ?? '',
    timestamp: Number(time),
    key: key ?? '',
    body: Buffer.from(body ?? ''),
  };
}
