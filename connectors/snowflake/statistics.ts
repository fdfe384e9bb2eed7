import type { Metrics } from 'hookline/plugin';

/** What Snowflake was asked for, and for how long a warehouse was kept busy. */
export class Statistics {
  readonly #flushes;
  readonly #files;
  readonly #bytes;
  readonly #rows;
  readonly #seconds;

  constructor(metrics: Metrics) {
    this.#flushes = metrics.counter('hookline_snowflake_flushes_total', 'Flushes', ['outcome']);
    this.#files = metrics.counter('hookline_snowflake_staged_files_total', 'Files staged');
    this.#bytes = metrics.counter('hookline_snowflake_staged_bytes_total', 'Bytes staged, compressed');
    this.#rows = metrics.counter('hookline_snowflake_copied_rows_total', 'Rows that COPY INTO loaded');
    this.#seconds = metrics.counter(
      'hookline_snowflake_warehouse_seconds_total',
      'Seconds in transactions, which the warehouse spends on a flush, besides waking and falling asleep',
    );
  }

  staged(files: number, bytes: number): void {
    this.#files.add(files);
    this.#bytes.add(bytes);
  }

  /** @param outcome `landed`; `repeated` for a batch that had landed before; `failed` */
  flushed(outcome: 'landed' | 'repeated' | 'failed', seconds: number, rows: number): void {
    this.#flushes.add(1, { outcome });
    this.#seconds.add(seconds);
    this.#rows.add(rows);
  }
}
