import type { Limit } from '../intake/rate-limit.js';
import type { Signature } from '../intake/signatures/scheme.js';
import type { BatchLimits } from './spool.js';

/** A numbered route from senders to a table in one destination, or in several. */
export interface Pipeline {
  /** The `pipeline_id`: decimal digits in canonical form, 1 to 2^53-1. */
  readonly id: string;
  readonly name: string;
  /** Names of destinations, at least one. */
  readonly destinations: readonly string[];
  readonly table: string;
  /** Accepts and keeps, and lands nothing. */
  readonly paused: boolean;
  /** What its senders may send; more is refused. */
  readonly limit?: Limit;
  /** How its senders sign; what is not signed so is refused. */
  readonly signature?: Signed;
}

export interface Signed {
  readonly scheme: Signature;
  /** Of the token that stands for senders whose URL has neither key nor token; absent where it must have both. */
  readonly key?: string;
}

/** How the engine treats one destination. */
export interface DestinationPolicy {
  /** A batch is written when it reaches one of these, or when its oldest record is `every` old. */
  readonly flush: BatchLimits & { /** Milliseconds. */ readonly every: number };
  /** How many batches are written at once, over all lanes of the destination. */
  readonly concurrency: number;
  /** Milliseconds that one write may take. */
  readonly timeout: number;
  /** How many rows in a row may be refused alike, none landing, until the lane is halted. */
  readonly haltAfter: number;
}
