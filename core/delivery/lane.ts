import { instructionOf, messageOf } from '../contract/errors.js';
import type { Logger } from '../contract/logger.js';
import type { Pipeline } from '../contract/pipeline.js';
import { type LaneId, laneId, type SealedBatch, type Spool, type StoredRecord } from '../contract/spool.js';
import { failpoint } from '../host/failpoint.js';
import { Backoff, pause } from '../kit/backoff.js';
import { deferred } from '../kit/deferred.js';
import { writeQuantity } from '../kit/options.js';
import type { Authenticator } from './authenticator.js';
import { type Caution, Postponed } from './caution.js';
import { batchOf, type Delivery, deliver, isDamaged, write } from './deliver.js';
import { EarlyVerdicts } from './early-verdicts.js';
import type { LaneMetrics } from './lane-metrics.js';
import type { LaneState, LaneStatus } from './lane-status.js';
import type { OriginGuard } from './origin-guard.js';
import type { Outlet } from './outlet.js';
import { Suspicion } from './suspicion.js';

export interface LaneParts {
  readonly pipeline: Pipeline;
  readonly outlet: Outlet;
  readonly spool: Spool;
  readonly origins: OriginGuard;
  readonly caution: Caution;
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  readonly metrics: LaneMetrics;
  /** Milliseconds between two looks of a halted lane. */
  readonly haltFor: number;
  /** Called when another process has claimed the spool. */
  readonly fenced: (error: unknown) => void;
}

export interface LaneSignals {
  /** Begin no further batch. */
  readonly rest: AbortSignal;
  /** Give up even what is being written. */
  readonly abort: AbortSignal;
}

type Step = 'again' | 'idle';

/** One pipeline's way into one destination. It never waits for another lane's trouble. */
export class Lane {
  readonly id: LaneId;
  readonly #parts: LaneParts;
  readonly #signals: LaneSignals;
  readonly #early: EarlyVerdicts;
  readonly #backoff = new Backoff();
  readonly #suspicion: Suspicion;
  #status: LaneStatus;
  /** Whether it has reached its destination, or failed to. */
  readonly #looked = deferred<void>();
  #working: Promise<void> | undefined;
  #due: NodeJS.Timeout | undefined;
  /** What was read for the next batch while the last one was written. */
  #ahead: readonly StoredRecord[] | undefined;
  /** While it waits to try again. */
  #waiting: AbortController | undefined;
  /** Rows that have become dead letters since a row landed or the lane was idle. */
  #deaths = 0;
  /** The batch that was postponed, as process after process died at it; the next step writes it. */
  #postponed: string | undefined;
  /** By how much its batches are smaller than the configuration says. */
  #divisor = 1;

  constructor(lane: LaneParts, signals: LaneSignals) {
    this.id = laneId(lane.pipeline.id, lane.outlet.name);
    this.#suspicion = new Suspicion(this.id, lane.pipeline.table, lane.spool, lane.outlet.policy.haltAfter);
    this.#parts = lane;
    this.#signals = signals;
    this.#early = new EarlyVerdicts(this.id, lane.spool, lane.authenticator, lane.metrics, signals.rest);
    this.#status = { state: lane.pipeline.paused ? 'paused' : 'running', since: Date.now() };
    if (lane.pipeline.paused) this.#looked.resolve();
  }

  get status(): LaneStatus {
    return this.#status;
  }

  /**
   * Something may wait in the spool. Calling it too often costs nothing. The first call also opens the
   * destination and makes the table, so that a faulty set-up shows before the first row comes.
   */
  wake(): void {
    if (this.#signals.rest.aborted) return;
    clearTimeout(this.#due);
    this.#working ??= (this.#status.state === 'paused' ? this.#stand() : this.#work()).finally(() => {
      this.#working = undefined;
    });
  }

  /** Resolves once its first look at the destination and the table has come to something; a paused one takes none. */
  get looked(): Promise<void> {
    return this.#looked.promise;
  }

  /** Something was mended: a lane that waits to try again does so now. */
  hasten(): void {
    this.#backoff.reset();
    this.#waiting?.abort();
  }

  /** Resolves when nothing is being written any more; what is not finished is sealed. */
  async stopped(): Promise<void> {
    clearTimeout(this.#due);
    await this.#working;
  }

  async #work(): Promise<void> {
    let step: Step = 'again';
    while (step === 'again' && !this.#signals.rest.aborted) {
      try {
        step = await this.#parts.outlet.slot(() => this.#step());
        this.#recovered();
      } catch (error) {
        if (this.#signals.abort.aborted) return;
        if (instructionOf(error) === 'fenced') {
          this.#parts.fenced(error);
          return;
        }
        const wait = this.#failed(error);
        this.#waiting = new AbortController();
        await this.#stand();
        await pause(wait, AbortSignal.any([this.#signals.rest, this.#waiting.signal]));
        this.#waiting = undefined;
      }
    }
  }

  /** Nothing of it lands now; yet nothing of strangers shall take the room of others for as long as that. */
  async #stand(): Promise<void> {
    // It may be gone by then: it is read again.
    this.#ahead = undefined;
    await this.#early.look().catch(this.#parts.fenced);
  }

  /** One batch, at most. */
  async #step(): Promise<Step> {
    if (this.#signals.rest.aborted) return 'idle';
    const { spool, origins, caution, outlet, pipeline, metrics } = this.#parts;
    await outlet.ready(pipeline.table, this.#signals.abort);
    // So that it shows before the first row comes; or else right before the first write, which wakes it anyway.
    if (!outlet.destination.billsLooks) await origins.agree(outlet, this.#signals.abort);
    this.#looked.resolve();
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const left = await spool.sealed(this.id);
    const isSuspended = (await this.#suspicion.isConfirmed()) && !(left !== undefined && isDamaged(left));
    if (!isSuspended && left === undefined && ahead === undefined && !(await this.#isDue())) {
      this.#tellDeaths();
      return 'idle';
    }
    await origins.agree(outlet, this.#signals.abort);
    if (isSuspended) {
      await this.#look();
      return 'again';
    }
    const batch = left ?? (await this.#seal(ahead ?? (await this.#read())));
    if (batch === undefined) return 'again';
    metrics.killed(caution.deaths(batch));
    if (caution.isSuspect(batch) && caution.isUntouched(batch) && (await this.#divide(batch))) return 'again';
    origins.begins(batch);
    const delivery = await this.#deliver(batch);
    origins.ended(outlet, batch, delivery.outcome === 'landed');
    if (delivery.outcome === 'landed') this.#landed(batch);
    else if (delivery.outcome === 'dead') this.#died(delivery.reason, batch);
    return 'again';
  }

  /**
   * Of a batch at which process after process has died: whether it has landed, as is found then, or could be divided.
   * @throws Postponed where neither can be told, before it is written again
   */
  async #divide(batch: SealedBatch): Promise<boolean> {
    const { spool, caution, outlet, pipeline, logger } = this.#parts;
    const told = caution.tell(batch);
    // One row cannot be divided: it is written again, which finds what has landed as well.
    const isDivisible = batch.rows.length > 1;
    const retired = isDivisible
      ? await outlet.retire(batchOf(batch, pipeline.table), this.#signals.abort)
      : undefined;
    if (retired === 'landed') {
      await spool.settle(batch, 'landed', pipeline.table);
      caution.settled(batch);
      this.#landed(batch);
      return true;
    }
    if (this.#postponed === undefined) this.#divisor *= 2;
    if (retired === 'void') {
      await spool.split(batch);
      caution.settled(batch);
      logger.error({}, `${told}: it has not landed, and is halved, as are the batches that follow`);
      this.#status = { ...this.#status, error: told };
      return true;
    }
    this.#postpone(batch);
    return false;
  }

  /** @throws Postponed where it is not the one that was postponed last */
  #postpone(batch: SealedBatch): void {
    const { caution, haltFor } = this.#parts;
    if (this.#postponed === batch.id) {
      this.#postponed = undefined;
      return;
    }
    this.#postponed = batch.id;
    const delay = Math.min((haltFor / 6) * 2 ** (caution.deaths(batch) - 2), haltFor * 60);
    throw new Postponed(
      `${caution.tell(batch)}. It is written by itself in ${writeQuantity('duration', Math.round(delay))}, or once you call ` +
        'hookline check, and each time that the process dies less often; other lanes go on. Give the server more memory',
      delay,
    );
  }

  /** Whether the table still refuses every row. @throws ConfigError while it does */
  async #look(): Promise<void> {
    const { caution, origins, outlet, pipeline, logger } = this.#parts;
    const { landed, revived } = await this.#suspicion.look({
      write: async (batch) => {
        if (caution.isSuspect(batch) && caution.isUntouched(batch)) this.#postpone(batch);
        origins.begins(batch);
        await caution.write(batch, () => write(batch, pipeline.table, outlet, this.#signals.abort));
      },
      seal: async () => this.#seal(await this.#read()),
    });
    origins.ended(outlet, landed, true);
    this.#deaths = 0;
    this.#landed(landed);
    if (revived === undefined) {
      logger.error(
        {},
        'a row behind those that were refused has landed: they are to blame, and stay dead letters',
      );
      this.#parts.metrics.died();
    } else {
      logger.info({}, `the table takes rows again: ${revived} dead letters were put back`);
    }
  }

  #landed(batch: SealedBatch): void {
    this.#parts.metrics.landed(batch);
    this.#suspicion.landed();
    this.#tellDeaths();
    const { state, since } = this.#status;
    this.#status = { state, since, lastLanded: Date.now() };
  }

  /** One line for the first, and one for all that follow: a table may refuse some twenty a second. */
  #died(reason: string, batch: SealedBatch): void {
    const { metrics, logger } = this.#parts;
    metrics.died();
    this.#deaths++;
    if (this.#deaths > 1) return;
    logger.error(
      { requestId: batch.rows[0]?.requestId },
      `a row became a dead letter: ${reason}. See: hookline dead list`,
    );
  }

  #tellDeaths(): void {
    const more = this.#deaths - 1;
    this.#deaths = 0;
    if (more < 1) return;
    this.#parts.logger.error({}, `${more} more rows became dead letters. See: hookline dead list`);
  }

  /** Meanwhile it reads what comes next. */
  async #deliver(batch: SealedBatch): Promise<Delivery> {
    const { spool, caution, outlet, pipeline } = this.#parts;
    const reading = this.#readAhead(batch).catch(() => undefined);
    try {
      const delivery = await caution.write(batch, () =>
        deliver(batch, pipeline.table, outlet, spool, this.#suspicion, this.#signals.abort),
      );
      if (delivery.outcome === 'landed') this.#ahead = await reading;
      return delivery;
    } finally {
      // Also where it is of no use: nobody may close the spool before.
      await reading;
    }
  }

  /**
   * The next batch's records. None where less than a batch waits, as more may come; and none where other lanes write
   * to the destination: they use the time as well, and that much less lies in memory.
   */
  async #readAhead(batch: SealedBatch): Promise<readonly StoredRecord[] | undefined> {
    const { spool, caution, outlet } = this.#parts;
    const { flush } = outlet.policy;
    if (outlet.lanes > 1 || caution.isSuspect(batch) || this.#signals.rest.aborted) return undefined;
    const enough = { rows: batch.rows.length + flush.rows, bytes: batch.bytes + flush.bytes };
    const depth = await spool.depth(this.id, enough);
    return depth.records >= enough.rows || depth.bytes >= enough.bytes ? this.#read() : undefined;
  }

  async #isDue(): Promise<boolean> {
    const { flush } = this.#parts.outlet.policy;
    const { records, bytes, oldest } = await this.#parts.spool.depth(this.id, flush);
    if (records === 0 || oldest === undefined) return false;
    const wait = oldest * 1000 + flush.every - Date.now();
    // A clock set back makes the oldest record seem to come from the future; that must not stop a lane.
    if (records >= flush.rows || bytes >= flush.bytes || wait <= 0 || wait > flush.every) return true;
    this.#due = setTimeout(() => this.wake(), wait);
    return false;
  }

  async #seal(records: readonly StoredRecord[]): Promise<SealedBatch | undefined> {
    const { spool, authenticator, pipeline, metrics } = this.#parts;
    const { rows, discarded } = await authenticator.judge(pipeline.id, records, this.#signals.abort);
    if (records.length === 0 || this.#signals.abort.aborted) return undefined;
    failpoint?.('batch.authenticated');
    const batch = await spool.seal(this.id, rows, discarded);
    failpoint?.('batch.sealed');
    for (const { reason } of discarded) metrics.discarded(reason);
    return batch;
  }

  /** The oldest records, of one partition; a spool seals only what one read has given, so it reads again. */
  async #read(): Promise<StoredRecord[]> {
    const { spool, outlet } = this.#parts;
    const { destination, policy } = outlet;
    let rows = Math.ceil(policy.flush.rows / this.#divisor);
    const bytes = Math.ceil(policy.flush.bytes / this.#divisor);
    for (;;) {
      const records = await spool.read(this.id, { rows, bytes });
      const parts = records.map((record) => destination.partition?.(record));
      const alike = parts.findIndex((part) => part !== parts[0]);
      if (alike < 0) return records;
      rows = alike;
    }
  }

  /** Notes the failure; returns the milliseconds to wait. */
  #failed(error: unknown): number {
    const { logger, metrics, haltFor } = this.#parts;
    const instruction = instructionOf(error);
    const message = messageOf(error);
    metrics.failed();
    this.#looked.resolve();
    if (instruction === 'config') {
      if (this.#status.state !== 'halted' || this.#status.error !== message) {
        logger.error({}, `halted, its records are kept: ${message}`);
      }
      this.#enter('halted', message);
      this.#backoff.reset();
      return error instanceof Postponed ? error.delay : haltFor;
    }
    const wait = this.#backoff.next((error as { readonly delay?: number }).delay);
    const fields = instruction === undefined ? { err: error } : {};
    if (this.#status.error !== message || instruction === undefined) {
      logger.warn(fields, `trying again until it works, its records are kept: ${message}`);
    }
    this.#enter('retrying', message);
    return wait;
  }

  #recovered(): void {
    if (this.#status.state === 'running') return;
    this.#parts.logger.info({}, 'running again');
    this.#backoff.reset();
    this.#enter('running');
  }

  #enter(state: LaneState, error?: string): void {
    const since = this.#status.state === state ? this.#status.since : Date.now();
    const { lastLanded } = this.#status;
    this.#status = {
      state,
      since,
      ...(error === undefined ? {} : { error }),
      ...(lastLanded === undefined ? {} : { lastLanded }),
    };
    this.#parts.metrics.entered(state);
  }
}
