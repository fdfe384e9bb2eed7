import type { Labels, Metrics } from '../contract/metrics.js';
import { type Depth, type DiscardReason, discardReasons, type SealedBatch } from '../contract/spool.js';
import type { LaneState } from './lane-status.js';

const states: readonly LaneState[] = ['running', 'paused', 'retrying', 'halted'];

/** What Prometheus learns of one lane. Counters belong to the engine, so that every connector has them. */
export class LaneMetrics {
  readonly #labels: Labels;
  readonly #rows;
  readonly #bytes;
  readonly #batches;
  readonly #discards;
  readonly #dead;
  readonly #failures;
  readonly #state;
  readonly #depth;
  readonly #depthBytes;
  readonly #age;
  readonly #letters;
  readonly #killed;

  constructor(metrics: Metrics, labels: { readonly pipeline: string; readonly destination: string }) {
    const names = Object.keys(labels);
    this.#labels = labels;
    this.#rows = metrics.counter('hookline_rows_landed_total', 'Rows landed', names);
    this.#bytes = metrics.counter('hookline_bytes_landed_total', 'Bytes of bodies landed', names);
    this.#batches = metrics.counter('hookline_batches_landed_total', 'Batches landed', names);
    this.#discards = metrics.counter('hookline_discards_total', 'Requests that failed authentication', [
      ...names,
      'reason',
    ]);
    this.#dead = metrics.counter('hookline_dead_letters_total', 'Rows that became dead letters', names);
    this.#failures = metrics.counter('hookline_load_failures_total', 'Tries that failed', names);
    this.#state = metrics.gauge('hookline_lane_state', 'Whether the lane is in this state', [
      ...names,
      'state',
    ]);
    this.#depth = metrics.gauge('hookline_lane_records', 'Records that wait', names);
    this.#depthBytes = metrics.gauge('hookline_lane_bytes', 'Bytes of bodies that wait', names);
    this.#age = metrics.gauge('hookline_lane_lag_seconds', 'Age of the oldest record that waits', names);
    this.#letters = metrics.gauge('hookline_lane_dead_letters', 'Dead letters that lie in the spool', names);
    this.#killed = metrics.gauge(
      'hookline_lane_batch_deaths',
      'How often a process died while it wrote the batch that is next',
      names,
    );
    // Whoever alarms on an increase misses the first of something that was not there before.
    for (const count of [this.#rows, this.#bytes, this.#batches, this.#dead, this.#failures]) {
      count.add(0, labels);
    }
    for (const reason of discardReasons) this.#discards.add(0, { ...labels, reason });
  }

  landed(batch: SealedBatch): void {
    this.#rows.add(batch.rows.length, this.#labels);
    this.#bytes.add(batch.bytes, this.#labels);
    this.#batches.add(1, this.#labels);
  }

  discarded(reason: DiscardReason): void {
    this.#discards.add(1, { ...this.#labels, reason });
  }

  died(): void {
    this.#dead.add(1, this.#labels);
  }

  failed(): void {
    this.#failures.add(1, this.#labels);
  }

  entered(current: LaneState): void {
    for (const state of states) this.#state.set(state === current ? 1 : 0, { ...this.#labels, state });
  }

  waiting({ records, bytes, oldest }: Depth): void {
    this.#depth.set(records, this.#labels);
    this.#depthBytes.set(bytes, this.#labels);
    this.#age.set(oldest === undefined ? 0 : Math.max(0, Date.now() / 1000 - oldest), this.#labels);
  }

  buried(deadLetters: number): void {
    this.#letters.set(deadLetters, this.#labels);
  }

  killed(times: number): void {
    this.#killed.set(times, this.#labels);
  }

  /** The lane is no more: its levels are not reported any longer; what it counted stays. */
  forget(): void {
    for (const state of states) this.#state.remove({ ...this.#labels, state });
    for (const level of [this.#depth, this.#depthBytes, this.#age, this.#letters, this.#killed])
      level.remove(this.#labels);
  }
}
