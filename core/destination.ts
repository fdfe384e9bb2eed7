import type { Row } from './chart.js';

/** A table's name as the YAML gives it, unquoted, within the destination's schema or folder. */
export type TableName = string;

/** Rows that are stored together or not at all. For ever the same id means the same rows in the same order. */
export interface Batch {
  /** A UUIDv7, minted at random when the batch was sealed; never derived from a sequence. */
  readonly id: string;
  readonly table: TableName;
  /** At least one. */
  readonly rows: readonly Row[];
  /** The sum of the bodies' lengths. */
  readonly bytes: number;
}

/** The answer to `hookline query`: values are JSON values (bigger or stranger types as text). */
export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** The result had more rows than the limit. */
  readonly truncated: boolean;
}

/**
 * A configured warehouse or data lake. Building one does no I/O; `open` does.
 *
 * The engine calls `open` once before anything else, `ensureTable` for each table before the first write
 * to it, then `write` again and again, several at a time up to the plugin's `concurrency` and never two
 * for the same lane, and `close` last. Errors are instructions: see `errors.ts`. Whatever takes an
 * `AbortSignal` gives up, with any error, soon after it fires.
 */
export interface Destination {
  /**
   * Get ready to be used: pools, clients. The engine repeats it after a failure, with backoff, while
   * senders go on being answered; on an instance that is open it changes nothing. A wrong password, a missing database, a missing grant: `ConfigError`.
   */
  open(signal: AbortSignal): Promise<void>;

  /**
   * Make the table exist with the relationship chart. A table that has it is left as it is, also with
   * further nullable columns. A table of another shape is a `ConfigError`; nothing is ever dropped or
   * altered. Called once per table and process, and again after any `ConfigError`.
   */
  ensureTable(table: TableName, signal: AbortSignal): Promise<void>;

  /**
   * Prove that a write into these tables could succeed now: connection, credentials, grants; a table that
   * is there has the chart, one that is not could be made. Changes nothing.
   */
  check(tables: readonly TableName[], signal: AbortSignal): Promise<void>;

  /**
   * Store every row, in order, or none. The same `batch.id` again is a success that adds nothing, also
   * when the first try was killed at any instruction, or when its answer was lost. Once the signal has
   * fired it rejects, unless the batch has landed: to resolve means that it has.
   */
  write(batch: Batch, signal: AbortSignal): Promise<void>;

  /**
   * Optional: the newest rows, newest first, for the console, the CLI and the conformance suite. A table
   * that is not there yet has none.
   */
  latest?(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]>;

  /** Optional: one read-only statement, for `hookline query`. Whatever would write is refused. */
  query?(sql: string, limit: number, signal: AbortSignal): Promise<QueryResult>;

  /**
   * Release everything: afterwards nothing keeps the process alive. Waits for what was given up and is not
   * over. Also called after a failed `open`, and harmless a second time.
   */
  close(): Promise<void>;
}
