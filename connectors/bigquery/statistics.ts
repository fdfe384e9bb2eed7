import type { Metrics } from 'hookline/plugin';

export type Method = 'storage-write' | 'load-job';

/** What BigQuery was asked for, and what it bills. */
export class Statistics {
  readonly #requests;
  readonly #jobs;
  readonly #bytes;
  readonly #billed;

  constructor(metrics: Metrics) {
    this.#requests = metrics.counter('hookline_bigquery_requests_total', 'Requests to BigQuery', ['api']);
    this.#jobs = metrics.counter('hookline_bigquery_jobs_total', 'Jobs that ended', ['kind', 'outcome']);
    this.#bytes = metrics.counter('hookline_bigquery_sent_bytes_total', 'Bytes of rows sent', ['method']);
    this.#billed = metrics.counter(
      'hookline_bigquery_billed_bytes_total',
      'Bytes that queries were billed for',
    );
  }

  /** @param api `rest` or `storage` */
  request(api: 'rest' | 'storage'): void {
    this.#requests.add(1, { api });
  }

  job(kind: string, outcome: 'done' | 'failed'): void {
    this.#jobs.add(1, { kind, outcome });
  }

  sent(bytes: number, method: Method): void {
    this.#bytes.add(bytes, { method });
  }

  billed(bytes: number): void {
    if (bytes > 0) this.#billed.add(bytes);
  }
}
