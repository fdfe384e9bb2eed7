import { instructionOf } from '../contract/errors.js';
import { type LaneId, laneParts, type Position, type Spool } from '../contract/spool.js';
import type { Authenticator } from './authenticator.js';
import type { LaneMetrics } from './lane-metrics.js';

/** What is in memory at a time. */
const page = { rows: 500, bytes: 8 * 1024 * 1024 } as const;

/** A look goes through all that waits: it takes a twentieth of the time at most, however much that is. */
const least = 1000;
const share = 20;

/**
 * Judges what waits in a lane that stands, paused or not able to land: strangers could else fill their share of the
 * spool there, and keep new senders of all pipelines out. What is good waits on, and is judged again when it lands.
 */
export class EarlyVerdicts {
  readonly #lane: LaneId;
  readonly #spool: Spool;
  readonly #authenticator: Authenticator;
  readonly #metrics: LaneMetrics;
  readonly #rest: AbortSignal;
  #next = Number.NEGATIVE_INFINITY;

  constructor(
    lane: LaneId,
    spool: Spool,
    authenticator: Authenticator,
    metrics: LaneMetrics,
    rest: AbortSignal,
  ) {
    this.#lane = lane;
    this.#spool = spool;
    this.#authenticator = authenticator;
    this.#metrics = metrics;
    this.#rest = rest;
  }

  /**
   * To be called while nobody reads or seals in the lane. A token store that is down leaves things as they are.
   * @throws FencedError when another process has claimed the spool
   */
  async look(): Promise<void> {
    const begun = performance.now();
    if (begun < this.#next) return;
    try {
      await this.#judge();
    } catch (error) {
      if (instructionOf(error) === 'fenced') throw error;
    }
    const now = performance.now();
    this.#next = now + Math.max(least, (now - begun) * share);
  }

  async #judge(): Promise<void> {
    const { senders } = this.#spool;
    const { pipeline } = laneParts(this.#lane);
    let after: readonly Position[] = [];
    while (!this.#rest.aborted) {
      const read = await senders?.unsealed?.(this.#lane, page, after);
      if (read === undefined || read.records.length === 0) return;
      after = read.to;
      const unproven = read.records.filter((record) => record.unproven === true && record.damaged !== true);
      if (unproven.length === 0) continue;
      const { rows, discarded } = await this.#authenticator.judge(pipeline, unproven, this.#rest);
      await senders?.clear?.(this.#lane, rows, discarded);
      for (const { reason } of discarded) this.#metrics.discarded(reason);
    }
  }
}
