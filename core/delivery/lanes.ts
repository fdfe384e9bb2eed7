import type { Pipeline } from '../contract/pipeline.js';
import { type LaneId, laneId } from '../contract/spool.js';
import type { Authenticator } from './authenticator.js';
import type { Lane, LaneSignals } from './lane.js';
import type { LaneMetrics } from './lane-metrics.js';
import type { Outlet } from './outlet.js';

/** Which lanes there are to be, and what they work with. */
export interface LanePlan {
  readonly pipelines: ReadonlyMap<string, Pipeline>;
  /** By the destination's name. */
  readonly outlets: ReadonlyMap<string, Outlet>;
  readonly authenticator: Authenticator;
}

/** What one lane is made from; the same again is the same lane. */
export interface LaneOrder {
  readonly pipeline: Pipeline;
  readonly outlet: Outlet;
  readonly authenticator: Authenticator;
}

export interface BuiltLane {
  readonly lane: Lane;
  readonly metrics: LaneMetrics;
}

/** A lane in its place. It begins once what was there before has ended. */
class Berth {
  readonly order: LaneOrder;
  readonly lane: Lane;
  readonly metrics: LaneMetrics;
  /** Resolves when the lane may begin. */
  readonly free: Promise<unknown>;
  begun = false;
  leaving = false;
  readonly #rest = new AbortController();
  readonly #abort = new AbortController();

  constructor(
    order: LaneOrder,
    build: (order: LaneOrder, signals: LaneSignals) => BuiltLane,
    free: Promise<unknown>,
  ) {
    this.order = order;
    this.free = free;
    const { lane, metrics } = build(order, { rest: this.#rest.signal, abort: this.#abort.signal });
    this.lane = lane;
    this.metrics = metrics;
  }

  /** Finishes what is being written, within `grace` milliseconds, or leaves it sealed. */
  async leave(grace: number, reason: Error): Promise<void> {
    this.leaving = true;
    this.#rest.abort(reason);
    const impatient = setTimeout(() => this.#abort.abort(reason), grace);
    await this.free;
    await this.lane.stopped();
    clearTimeout(impatient);
  }
}

/**
 * The lanes of the configuration, whichever it is: another plan ends those that it changes, each after the
 * batch that it writes, and begins others in their place. The rest goes on as if nothing had happened.
 */
export class Lanes {
  readonly #build: (order: LaneOrder, signals: LaneSignals) => BuiltLane;
  readonly #berths = new Map<LaneId, Berth>();
  readonly #leaving = new Map<Berth, Promise<void>>();
  #outlets: ReadonlySet<Outlet> = new Set();
  /** Resolves when every outlet that no plan has any more is closed. */
  #closed: Promise<unknown> = Promise.resolve();
  #started = false;

  constructor(build: (order: LaneOrder, signals: LaneSignals) => BuiltLane) {
    this.#build = build;
  }

  has(id: LaneId): boolean {
    return this.#berths.has(id);
  }

  all(): BuiltLane[] {
    return [...this.#berths.values()];
  }

  start(): void {
    this.#started = true;
    for (const berth of this.#berths.values()) if (berth.begun) berth.lane.wake();
  }

  wake(id: LaneId): void {
    const berth = this.#berths.get(id);
    if (berth?.begun && !berth.leaving) berth.lane.wake();
  }

  /**
   * Resolves when all that the plan ends has ended, and the outlets that it leaves out are closed. A lane
   * of a new outlet waits for that, since both may be the same file; one of an old outlet does not.
   * @param grace milliseconds after which a write of a lane that ends is given up
   */
  async arrange(plan: LanePlan, grace: number): Promise<void> {
    const orders = ordersOf(plan);
    const before = new Map(this.#berths);
    const ended: Promise<void>[] = [];
    for (const [id, berth] of before) {
      if (!berth.leaving && !isSame(berth.order, orders.get(id))) ended.push(this.#end(berth, grace));
    }
    const kept = this.#outlets;
    this.#outlets = new Set(plan.outlets.values());
    this.#closed = Promise.all([
      this.#closed,
      ...this.#abandoned(kept).map((outlet) => this.#close(outlet, grace)),
    ]);
    for (const [id, order] of orders) {
      const last = before.get(id);
      if (last !== undefined && !last.leaving) continue;
      const closed = kept.has(order.outlet) ? undefined : this.#closed;
      this.#begin(id, order, Promise.all([last && this.#leaving.get(last), closed]));
    }
    await Promise.all([...ended, this.#closed]);
  }

  /** Ends all lanes; their outlets stay open. */
  async stop(grace: number): Promise<void> {
    for (const berth of this.#berths.values()) if (!berth.leaving) void this.#end(berth, grace);
    await Promise.all(this.#leaving.values());
  }

  #begin(id: LaneId, order: LaneOrder, free: Promise<unknown>): void {
    const berth = new Berth(order, this.#build, free);
    this.#berths.set(id, berth);
    void free.then(() => {
      if (berth.leaving) return;
      berth.begun = true;
      berth.metrics.entered(berth.lane.status.state);
      if (this.#started) berth.lane.wake();
    });
  }

  #end(berth: Berth, grace: number): Promise<void> {
    const ended = berth.leave(grace, new Error('the lane ends')).then(() => {
      this.#leaving.delete(berth);
      if (this.#berths.get(berth.lane.id) !== berth) return;
      this.#berths.delete(berth.lane.id);
      berth.metrics.forget();
    });
    this.#leaving.set(berth, ended);
    return ended;
  }

  #abandoned(kept: ReadonlySet<Outlet>): Outlet[] {
    return [...kept].filter((outlet) => !this.#outlets.has(outlet));
  }

  /** One that does not close holds the others no longer than `grace` milliseconds. */
  async #close(outlet: Outlet, grace: number): Promise<void> {
    const users = [...this.#leaving].filter(([{ order }]) => order.outlet === outlet);
    await Promise.all(users.map(([, ended]) => ended));
    let late: NodeJS.Timeout | undefined;
    const givenUp = new Promise<void>((resolve) => {
      late = setTimeout(resolve, grace);
    });
    await Promise.race([outlet.close().catch(() => undefined), givenUp]);
    clearTimeout(late);
  }
}

function ordersOf({ pipelines, outlets, authenticator }: LanePlan): Map<LaneId, LaneOrder> {
  const orders = new Map<LaneId, LaneOrder>();
  for (const pipeline of pipelines.values()) {
    for (const destination of pipeline.destinations) {
      const outlet = outlets.get(destination);
      if (outlet === undefined) throw new Error(`pipeline ${pipeline.id}: no destination ${destination}`);
      orders.set(laneId(pipeline.id, destination), { pipeline, outlet, authenticator });
    }
  }
  return orders;
}

function isSame(a: LaneOrder, b: LaneOrder | undefined): boolean {
  return (
    b !== undefined &&
    a.outlet === b.outlet &&
    a.authenticator === b.authenticator &&
    // Nothing else of a pipeline is a lane's affair.
    a.pipeline.table === b.pipeline.table &&
    a.pipeline.paused === b.pipeline.paused
  );
}
