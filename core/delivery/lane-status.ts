/**
 * - `running`: lands what comes
 * - `paused`: keeps what comes, by configuration
 * - `retrying`: the warehouse, the token store or the disk fails; tries again with backoff
 * - `halted`: the set-up is at fault; says what to do, looks again every minute, resumes by itself
 */
export type LaneState = 'running' | 'paused' | 'retrying' | 'halted';

export interface LaneStatus {
  readonly state: LaneState;
  /** Since when; milliseconds since the epoch. */
  readonly since: number;
  /** Why it is retrying or halted. */
  readonly error?: string;
  /** When a batch landed last; milliseconds since the epoch. */
  readonly lastLanded?: number;
}
