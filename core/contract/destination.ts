import type { Row } from './chart.js';
import type { NewestBatch, Origin } from './serials.js';

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
  /** To be noted in the ledger, where there is one; absent where the spool has no serials. */
  readonly origin?: Origin;
}

/** Request timestamps, in seconds since the epoch: from there on, and before the end. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** What was merged, or would be, in one place of a table. */
export interface Compaction {
  /** Where, as the destination names it: `dt=2026-11-24/hour=13`. */
  readonly place: string;
  /** How many pieces, of how many bytes together. */
  readonly pieces: number;
  readonly bytes: number;
  /** How many bytes the one piece has that they became; absent when nothing was done. */
  readonly mergedBytes?: number;
}

/** The answer to `hookline query`: values are JSON values (bigger or stranger types as text). */
export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** The result had more rows than the limit. */
  readonly truncated: boolean;
}

/** What became of a batch that is given up. */
export type Retired = 'landed' | 'void';

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
   * Optional: what rows must have in common to be stored in one piece, such as the hour that names their
   * folder. The engine then seals only rows of one partition into a batch. Called for each row: no I/O, no
   * error, and for ever the same answer for the same row.
   */
  partition?(row: Row): string;

  /**
   * Store every row, in order, or none. The same `batch.id` again is a success that adds nothing, also
   * when the first try was killed at any instruction, or when its answer was lost. Once the signal has
   * fired it rejects, unless the batch has landed: to resolve means that it has.
   */
  write(batch: Batch, signal: AbortSignal): Promise<void>;

  /**
   * Optional: give a batch of two rows or more up, so that its rows may land under other ids. The engine divides a batch
   * at which process after process has died.
   * `landed` says what a `write` that resolves says: it survives a power cut, also where a killed process wrote it.
   * `void` promises, as durably, that no try of a process that is dead lands it any more. Where writes end with their
   * process, as of a file that it puts into its place, that is so anyway; where a server may have a COMMIT still before
   * it, an entry of the batch without rows in the ledger makes it so, which waits for what is under way. A `write` that
   * meets such an entry is refused with a `PermanentError`. Asked again, it says the same.
   */
  retire?(batch: Batch, signal: AbortSignal): Promise<Retired>;

  /**
   * Optional, for a destination that notes in the step which stores a batch where it is from (`batch.origin`): of that
   * spool's batches, in whatever table, the one with the highest serial. The engine asks once, before it writes, so
   * that a spool which was restored from a backup or copied does not store its rows again without a word. None where
   * the ledger is not there yet, or cannot take it.
   */
  newestBatch?(spool: string, signal: AbortSignal): Promise<NewestBatch | undefined>;

  /**
   * Optional: `newestBatch` wakes something that is billed. The engine then asks right before it writes for the first
   * time, and `hookline check` goes by what was found then.
   */
  readonly billsLooks?: true;

  /**
   * Optional: the newest rows, newest first, for the console, the CLI and the conformance suite. A table
   * that is not there yet has none.
   */
  latest?(table: TableName, limit: number, signal: AbortSignal): Promise<Row[]>;

  /**
   * Optional: the request ids of the rows whose timestamp lies in the range, in any order, each as often as it
   * is there, for `hookline reconcile`. Some thousands at a time, so that memory stays bounded however many
   * there are. None where there is no table.
   */
  requestIds?(table: TableName, range: TimeRange, signal: AbortSignal): AsyncIterable<readonly string[]>;

  /** Optional: one read-only statement, for `hookline query`. Whatever would write is refused. */
  query?(sql: string, limit: number, signal: AbortSignal): Promise<QueryResult>;

  /**
   * Optional: merge what was written in small pieces into few large ones, for `hookline compact`. One call
   * does all that there is to do in the table now; when `dry` it changes nothing and tells what it would do.
   * No row is lost by it, or stays twice, also when it is killed at any instruction, when several run at
   * once, and when a batch comes again whose rows were merged. Writes go on meanwhile.
   */
  compact?(table: TableName, dry: boolean, signal: AbortSignal): Promise<Compaction[]>;

  /**
   * Release everything: afterwards nothing keeps the process alive. Waits for what was given up and is not
   * over. Also called after a failed `open`, and harmless a second time.
   */
  close(): Promise<void>;
}
