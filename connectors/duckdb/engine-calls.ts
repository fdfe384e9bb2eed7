import type { Row } from '../../core/contract/chart.js';
import type { Batch, QueryResult, Retired, TimeRange } from '../../core/contract/destination.js';
import type { NewestBatch } from '../../core/contract/serials.js';
import type { DuckDBOptions } from './destination.js';
import type { Layout } from './packed-rows.js';
import type { Told } from './told.js';

/** What an engine process does when it is asked, of a destination with these options. */
export interface EngineCalls {
  open(): void;
  ensureTable(table: string): void;
  check(tables: readonly string[]): void;
  /** Its rows come by the pipe for rows, in the order of these calls. */
  write(batch: PackedBatch, rows?: Buffer): void;
  /** Its rows stay where they are. */
  retire(batch: Batch): Retired;
  newestBatch(spool: string): NewestBatch | undefined;
  latest(table: string, limit: number): readonly Row[];
  query(sql: string, limit: number): QueryResult;
  /** Begins a list of request ids, under a number; `next` and `end` are for that. */
  list(list: number, table: string, range: TimeRange): void;
  /** Nothing once there are no more. */
  next(list: number): readonly string[] | undefined;
  end(list: number): void;
  /** Ends the destination; the last one that ends frees the file. */
  close(): void;
}

export type EngineCall = keyof EngineCalls;

export type PackedBatch = Omit<Batch, 'rows'> & { readonly layout: Layout };

/** The pipe for rows, as the engine process knows it. */
export const rowsPipe = 4;

export type ToEngine =
  | {
      readonly id: number;
      /** Which one it is: there may be several with these options. */
      readonly destination: number;
      readonly options: DuckDBOptions;
      readonly call: EngineCall;
      readonly parts: readonly unknown[];
    }
  | { readonly cancel: number };

export type FromEngine =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly fault: Told };
