import { inject, injectable } from 'inversify';
import { Authenticator } from './authenticator.js';
import { Backoff, pause } from './backoff.js';
import { messageOf } from './errors.js';
import { keys, parts } from './keys.js';
import { Lane } from './lane.js';
import { LaneMetrics } from './lane-metrics.js';
import type { LaneStatus } from './lane-status.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Outlet } from './outlet.js';
import type { Pipeline } from './pipeline.js';
import { type LaneId, laneParts, type Spool } from './spool.js';

/** How often the spool is asked which lanes have something: what it adds to a row's age. */
const lookEvery = 100;
const haltFor = 60_000;

export interface LaneReport extends LaneStatus {
  readonly pipeline: string;
  readonly destination: string;
}

/** The load path: wakes the lanes that have something in the spool. One process runs it. */
@injectable()
export class Engine {
  readonly #spool: Spool;
  readonly #outlets: ReadonlyMap<string, Outlet>;
  readonly #authenticator: Authenticator;
  readonly #logger: Logger;
  readonly #lanes = new Map<LaneId, { readonly lane: Lane; readonly metrics: LaneMetrics }>();
  readonly #rest = new AbortController();
  readonly #abort = new AbortController();
  readonly #orphans = new Set<LaneId>();
  #looking: Promise<void> | undefined;
  #fenced: (error: unknown) => void = () => undefined;

  constructor(
    @inject(parts.spool) spool: Spool,
    @inject(parts.pipelines) pipelines: ReadonlyMap<string, Pipeline>,
    @inject(parts.outlets) outlets: ReadonlyMap<string, Outlet>,
    @inject(Authenticator) authenticator: Authenticator,
    @inject(keys.logger) logger: Logger,
    @inject(keys.metrics) metrics: Metrics,
  ) {
    this.#spool = spool;
    this.#outlets = outlets;
    this.#authenticator = authenticator;
    this.#logger = logger;
    for (const pipeline of pipelines.values()) {
      for (const destination of pipeline.destinations) this.#add(pipeline, destination, metrics);
    }
  }

  #add(pipeline: Pipeline, destination: string, metrics: Metrics): void {
    const outlet = this.#outlets.get(destination);
    if (outlet === undefined) throw new Error(`pipeline ${pipeline.id}: no destination ${destination}`);
    const labels = { pipeline: pipeline.id, destination };
    const laneMetrics = new LaneMetrics(metrics, labels);
    const lane = new Lane(
      {
        pipeline,
        outlet,
        spool: this.#spool,
        authenticator: this.#authenticator,
        logger: this.#logger.child(labels),
        metrics: laneMetrics,
        haltFor,
        fenced: (error) => this.#fenced(error),
      },
      { rest: this.#rest.signal, abort: this.#abort.signal },
    );
    laneMetrics.entered(lane.status.state);
    this.#lanes.set(lane.id, { lane, metrics: laneMetrics });
  }

  /**
   * Claims the spool and begins. Warehouses are opened and tables made in the background: the first row
   * need not wait for it, and a warehouse that is down does not hold the start.
   * @param fenced called once when another process has claimed the spool; the process should end
   */
  async start(fenced: (error: unknown) => void): Promise<void> {
    this.#fenced = fenced;
    await this.#spool.claim(this.#rest.signal);
    for (const { lane } of this.#lanes.values()) lane.wake();
    this.#looking = this.#look();
  }

  /** Finishes what is being written, within `grace` milliseconds, or leaves it sealed. */
  async stop(grace: number): Promise<void> {
    const reason = new Error('shutting down');
    this.#rest.abort(reason);
    const impatient = setTimeout(() => this.#abort.abort(reason), grace);
    await this.#looking;
    await Promise.all([...this.#lanes.values()].map(({ lane }) => lane.stopped()));
    clearTimeout(impatient);
    await this.#authenticator.finish();
  }

  reports(): LaneReport[] {
    return [...this.#lanes.values()].map(({ lane }) => ({ ...laneParts(lane.id), ...lane.status }));
  }

  /** Brings the gauges up to date; a spool that cannot be read leaves them as they are. */
  async report(): Promise<void> {
    for (const { lane, metrics } of this.#lanes.values()) {
      await this.#spool.depth(lane.id).then(
        (depth) => metrics.waiting(depth),
        () => undefined,
      );
    }
  }

  async #look(): Promise<void> {
    const backoff = new Backoff(lookEvery, 5000);
    while (!this.#rest.signal.aborted) {
      let wait = lookEvery;
      try {
        for (const id of await this.#spool.pending()) this.#wake(id);
        backoff.reset();
      } catch (error) {
        wait = backoff.next();
        this.#logger.error({ err: error }, `the spool cannot be read: ${messageOf(error)}`);
      }
      await pause(wait, this.#rest.signal);
    }
  }

  #wake(id: LaneId): void {
    const known = this.#lanes.get(id);
    if (known !== undefined) {
      known.lane.wake();
      return;
    }
    if (this.#orphans.has(id)) return;
    this.#orphans.add(id);
    this.#logger.warn(
      laneParts(id),
      `lane ${id} has records but is not in the configuration any more: they are kept; put the pipeline back to land them`,
    );
  }
}
