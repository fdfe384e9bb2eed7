import type { Row } from './chart.js';
import type { DiscardReason, LaneId } from './spool.js';

/** A request that failed authentication, held with its body in one lane of its pipeline. */
export interface HeldDiscard extends Row {
  /** By which the spool finds it again. */
  readonly id: string;
  readonly lane: LaneId;
  /** SHA-256 of the token that it came with; 32 bytes. */
  readonly tokenDigest: Uint8Array;
  readonly reason: DiscardReason;
  readonly discardedAt: Date;
  readonly heldUntil: Date;
}

/** Which of them: those that everything given here holds for; without anything, all. */
export interface HeldFilter {
  readonly pipeline?: string;
  readonly requestId?: string;
  /** The key of the token that it came with. */
  readonly key?: string;
  /** A part of the reason, in upper or lower case. */
  readonly reason?: string;
  /** Only what follows this one in the list, whether it is still there or not. */
  readonly after?: Pick<HeldDiscard, 'id'>;
  readonly limit?: number;
  /** What the bodies may have together; one at least is given where there is one, however large. */
  readonly bytes?: number;
}

export interface HeldCounts {
  readonly held: number;
  /** What they take in the spool. */
  readonly bytes: number;
  /** How many were not held, or not to their end, for want of room, since the spool was made. */
  readonly thrownAway: number;
}

/**
 * A spool's place for what failed authentication. Strangers fill it, so it has a share of the spool of its
 * own: beyond it the oldest are thrown away first, and counted, by the seal itself, however many come at once. It
 * never keeps a batch from being sealed.
 */
export interface Quarantine {
  /**
   * From now on hold what `seal` discards for so many milliseconds, in the same step as the seal; without a
   * number hold nothing more. What is held stays until its time. Called by the process that claims the spool,
   * after `open`.
   */
  keep(duration: number | undefined): void;

  /** What is held, what ends first first; nothing whose time is over. */
  list(filter: HeldFilter): Promise<HeldDiscard[]>;

  /**
   * Put it back into its lane, all or nothing, there to be judged by its token anew: whoever judges it sees
   * `released`. False when it is not held (any more).
   */
  release(held: HeldDiscard): Promise<boolean>;

  /** Throw it away; false when it is not held (any more). */
  drop(held: HeldDiscard): Promise<boolean>;

  counts(): Promise<HeldCounts>;
}
