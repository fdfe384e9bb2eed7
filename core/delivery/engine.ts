import { inject, injectable } from 'inversify';
import { messageOf } from '../contract/errors.js';
import { keys, parts } from '../contract/keys.js';
import type { Logger } from '../contract/logger.js';
import type { Metrics } from '../contract/metrics.js';
import type { Pipeline } from '../contract/pipeline.js';
import { type LaneId, laneParts, type Spool } from '../contract/spool.js';
import { failpoint } from '../host/failpoint.js';
import { TrustedClock, trustedClock } from '../host/trusted-clock.js';
import { Backoff, pause } from '../kit/backoff.js';
import { Authenticator } from './authenticator.js';
import { Caution } from './caution.js';
import { Lane, type LaneSignals } from './lane.js';
import { LaneMetrics } from './lane-metrics.js';
import type { LaneStatus } from './lane-status.js';
import { type BuiltLane, type LaneOrder, type LanePlan, Lanes } from './lanes.js';
import { OriginGuard } from './origin-guard.js';
import type { Outlet } from './outlet.js';

/** How often the spool is asked which lanes have something: what it adds to a row's age. */
const lookEvery = 100;
const haltFor = 60_000;

export interface LaneReport extends LaneStatus {
  readonly pipeline: string;
  readonly destination: string;
}

/** What waits in a lane that is not in the configuration any more. */
export interface Orphan {
  readonly pipeline: string;
  readonly destination: string;
  readonly records: number;
}

/** The load path: wakes the lanes that have something in the spool. One process runs it. */
@injectable()
export class Engine {
  readonly #spool: Spool;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #clock: TrustedClock;
  readonly #origins: OriginGuard;
  readonly #caution: Caution;
  readonly #lanes: Lanes;
  #outlets: ReadonlyMap<string, Outlet>;
  readonly #rest = new AbortController();
  readonly #orphans = new Set<LaneId>();
  #authenticator: Authenticator;
  #looking: Promise<void> | undefined;
  /** What was last told of the clock. */
  #doubt: string | undefined;
  #fenced: (error: unknown) => void = () => undefined;

  constructor(
    @inject(parts.spool) spool: Spool,
    @inject(parts.pipelines) pipelines: ReadonlyMap<string, Pipeline>,
    @inject(parts.outlets) outlets: ReadonlyMap<string, Outlet>,
    @inject(Authenticator) authenticator: Authenticator,
    @inject(keys.logger) logger: Logger,
    @inject(keys.metrics) metrics: Metrics,
    @inject(TrustedClock) clock: TrustedClock = trustedClock,
  ) {
    this.#clock = clock;
    this.#spool = spool;
    this.#origins = new OriginGuard(spool);
    this.#caution = new Caution(spool.attempts);
    this.#outlets = outlets;
    this.#authenticator = authenticator;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#lanes = new Lanes((order, signals) => this.#build(order, signals));
    void this.#lanes.arrange({ pipelines, outlets, authenticator }, 0);
  }

  #build({ pipeline, outlet, authenticator }: LaneOrder, signals: LaneSignals): BuiltLane {
    const labels = { pipeline: pipeline.id, destination: outlet.name };
    const metrics = new LaneMetrics(this.#metrics, labels);
    const lane = new Lane(
      {
        pipeline,
        outlet,
        spool: this.#spool,
        origins: this.#origins,
        caution: this.#caution,
        authenticator,
        logger: this.#logger.child(labels),
        metrics,
        haltFor,
        fenced: (error) => this.#fenced(error),
      },
      signals,
    );
    return { lane, metrics };
  }

  /**
   * Claims the spool and begins. Warehouses are opened and tables made in the background: the first row
   * need not wait for it, and a warehouse that is down does not hold the start.
   * @param fenced called once when another process has claimed the spool; the process should end
   */
  async start(fenced: (error: unknown) => void): Promise<void> {
    this.#fenced = fenced;
    await this.#spool.claim(this.#rest.signal);
    failpoint?.('spool.claimed');
    await this.#origins.expect(this.#outlets);
    this.#lanes.start();
    this.#looking = this.#look();
  }

  /**
   * Goes on by another plan; see `Lanes.arrange`. The tokens of an authenticator that it replaces may be
   * closed when this resolves.
   */
  async change(plan: LanePlan, grace: number): Promise<void> {
    if (this.#rest.signal.aborted) return;
    const before = this.#authenticator;
    this.#authenticator = plan.authenticator;
    await this.#origins.expect(plan.outlets);
    await this.#lanes.arrange(plan, grace);
    if (before !== plan.authenticator) await before.finish();
  }

  /** Finishes what is being written, within `grace` milliseconds, or leaves it sealed. */
  async stop(grace: number): Promise<void> {
    this.#rest.abort(new Error('shutting down'));
    failpoint?.('load.stopping');
    const stopped = this.#lanes.stop(grace);
    await this.#looking;
    await stopped;
    await this.#authenticator.finish();
  }

  /** @throws ConfigError when the destination, which is open, has a batch that this spool has not sealed */
  checkOrigin(outlet: Outlet, signal: AbortSignal): Promise<void> {
    return this.#origins.check(outlet, signal);
  }

  /** A destination was found well: lanes that wait to try it again do so now. */
  hasten(destination: string): void {
    for (const { lane } of this.#lanes.all()) {
      if (laneParts(lane.id).destination === destination) lane.hasten();
    }
  }

  reports(): LaneReport[] {
    return this.#lanes.all().map(({ lane }) => ({ ...laneParts(lane.id), ...lane.status }));
  }

  /** Resolves once every lane has had its first look at its destination. */
  async looked(): Promise<void> {
    await Promise.all(this.#lanes.all().map(({ lane }) => lane.looked));
  }

  /** The lanes that hold records and are not in the configuration. */
  async orphans(): Promise<Orphan[]> {
    const found = (await this.#spool.pending()).filter((id) => !this.#lanes.has(id));
    return Promise.all(
      found.map(async (id) => ({ ...laneParts(id), records: (await this.#spool.depth(id)).records })),
    );
  }

  /** Brings the gauges up to date; a spool that cannot be read leaves them as they are. */
  async report(): Promise<void> {
    const dead = await this.#spool.deadCounts().catch(() => undefined);
    for (const { lane, metrics } of this.#lanes.all()) {
      if (dead !== undefined) metrics.buried(dead.get(lane.id) ?? 0);
      await this.#spool.depth(lane.id).then(
        (depth) => this.#lanes.has(lane.id) && metrics.waiting(depth),
        () => undefined,
      );
    }
  }

  async #look(): Promise<void> {
    const backoff = new Backoff(lookEvery, 5000);
    while (!this.#rest.signal.aborted) {
      let wait = lookEvery;
      this.#tellOfClock();
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

  /** Each look also holds the clocks against each other: a step of one is seen before the next one. */
  #tellOfClock(): void {
    const { doubt } = this.#clock;
    if (doubt === this.#doubt) return;
    this.#doubt = doubt;
    if (doubt === undefined) {
      this.#logger.info({}, 'the clock has run evenly for ten minutes: what has expired is judged again');
    } else {
      this.#logger.warn(
        {},
        `${doubt}; until then no request is discarded by an expiry date, and nothing that is kept for a time is ` +
          'thrown away, unless it is over by both times',
      );
    }
  }

  #wake(id: LaneId): void {
    if (this.#lanes.has(id)) {
      this.#orphans.delete(id);
      this.#lanes.wake(id);
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
