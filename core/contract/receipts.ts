import type { TableName } from './destination.js';
import type { LaneId } from './spool.js';

/** That a request has landed in one lane. */
export interface Receipt {
  readonly requestId: string;
  /** The request's, seconds since the epoch. */
  readonly timestamp: number;
}

/** Receipts of one batch: all of them, or a part of a large one. */
export interface BatchReceipts {
  readonly lane: LaneId;
  /** The batch's id, under which it is in the ledger of its warehouse; a UUIDv7 of the time when it was sealed or split. */
  readonly batch: string;
  readonly landedAt: Date;
  /** Where they landed; absent of what landed before that was kept. */
  readonly table?: TableName;
  readonly receipts: readonly Receipt[];
}

/** What some receipts have in common, without them. */
export interface ReceiptsSummary {
  /** By which the spool finds them again. */
  readonly id: string;
  readonly count: number;
  /** The first and the last timestamp, seconds since the epoch. */
  readonly first: number;
  readonly last: number;
  readonly table?: TableName;
}

export interface ReceiptCounts {
  /** What they take in the spool. */
  readonly bytes: number;
  /** When the one that ends first has landed; absent where there is none. */
  readonly since?: Date;
  /** How many were not kept, or not to their end, for want of room, since the spool was made. */
  readonly thrownAway: number;
}

/**
 * A spool's memory of what has landed. It has a share of the spool of its own: beyond it what
 * ends first is thrown away first, and counted. It never keeps a batch from being settled.
 */
export interface Receipts {
  /**
   * From now on keep, for so many milliseconds, a receipt of each row that `settle` lands, in the same step;
   * without a number keep no further ones. What is kept stays until its time. Called by the process that claims
   * the spool, after `open`.
   */
  keep(duration: number | undefined): void;

  /** A request's receipts, one for each lane in which it landed. It may look at all that are kept. */
  find(requestId: string): Promise<BatchReceipts[]>;

  /** Of a lane, what ends first first, some thousand batches at a time. */
  summaries(lane: LaneId): AsyncIterable<readonly ReceiptsSummary[]>;

  /** `undefined` when they are not kept any more. */
  get(id: string): Promise<BatchReceipts | undefined>;

  /** Of these requests no receipt is kept there any more: their rows were deleted on purpose. Any process may. */
  forget(id: string, requestIds: ReadonlySet<string>): Promise<void>;

  counts(): Promise<ReceiptCounts>;
}
