import type { LaneId } from './spool.js';

/** A lane's halt for a table that refuses every row. */
export interface Halt {
  /** What the refusals have in common. */
  readonly refusal: string;
  /** Why one of the rows was refused, as its warehouse says it. */
  readonly reason: string;
  /** The ids of the requests that had become dead letters by these refusals before the lane was halted. */
  readonly dead: readonly string[];
  /** The id of the request that was tried last from behind them, and refused too. */
  readonly beyond?: string;
}

/** A spool's notes of such halts, so that another process goes on with them. By the claim's holder. */
export interface Halts {
  get(lane: LaneId): Promise<Halt | undefined>;
  /** Durable when it resolves. */
  put(lane: LaneId, halt: Halt): Promise<void>;
  remove(lane: LaneId): Promise<void>;
}
