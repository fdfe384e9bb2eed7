import { statfsSync } from 'node:fs';
import { formatBytes, OverloadedError, type SpoolRecord } from '../../core/index.js';
import { ClientShares } from './client-shares.js';
import type { Environment } from './environment.js';
import type { Appender } from './journal/appender.js';
import type { Importer } from './journal/importer.js';
import { roomFor, type Strangers } from './strangers.js';

/** How long a measurement counts (ms), unless this much was appended since. */
const freshFor = 100;
const measureAfter = 16 * 1024 * 1024;

/** A refusal rests on a measurement no older than this (ms). */
const freshForRefusal = 5;

/**
 * LMDB writes new pages also to seal and to settle: on a disk that is full to the brim a spool could not
 * be drained. So appends leave this much of the disk free, or an eighth of `maxSize` if that is less.
 */
const largestReserve = 64 * 1024 * 1024;

/**
 * Holds appends to the size limit and off the end of the disk. Sealing, settling and discarding are never
 * held: they are what makes room. The limit is on the pages in use, as the file itself never shrinks.
 */
export class Capacity {
  readonly #environment: Environment;
  readonly #importer: Importer;
  readonly #appender: Appender;
  readonly #strangers: Strangers;
  readonly #maxSize: number;
  readonly #maxUnproven: number;
  readonly #reserve: number;
  #live = 0;
  /** What the disk can still take, and what the file has free within. */
  #room = 0;
  /** Taken since it was measured. */
  #since = 0;
  /** Of unproven records: what is in LMDB, at most so much in the journals, and what was taken since. */
  #unproven = 0;
  #unprovenInJournal = 0;
  #unprovenSince = 0;
  /** Lanes of the unproven record that was in most of them. */
  #widest = 1;
  readonly #clients = new ClientShares();
  #measuredAt = Number.NEGATIVE_INFINITY;
  #next: NodeJS.Timeout | undefined;

  /** @param maxUnproven how much of `maxSize` unproven records may take */
  constructor(
    environment: Environment,
    importer: Importer,
    appender: Appender,
    strangers: Strangers,
    maxSize: number,
    maxUnproven: number,
  ) {
    this.#environment = environment;
    this.#importer = importer;
    this.#appender = appender;
    this.#strangers = strangers;
    this.#maxSize = maxSize;
    this.#maxUnproven = maxUnproven;
    this.#reserve = Math.min(largestReserve, maxSize / 8);
  }

  /**
   * Take room for such a record in that many lanes.
   * @throws OverloadedError when there is none
   */
  take({ body: { length }, unproven, quota }: SpoolRecord, lanes: number): void {
    const size = roomFor(length) * lanes;
    if (this.#next === undefined || this.#since > measureAfter) this.#measure();
    if (this.#obstacle(size) !== undefined) {
      if (performance.now() - this.#measuredAt > freshForRefusal) this.#measure();
      this.#assert(size);
    }
    if (unproven === true) {
      this.#widest = Math.max(this.#widest, lanes);
      this.#takeUnproven(size, quota);
    }
    this.#since += size;
  }

  /** @throws OverloadedError when the spool is full now */
  check(): void {
    this.#measure();
    this.#assert(roomFor(0));
  }

  #takeUnproven(size: number, quota: SpoolRecord['quota']): void {
    const lacks = () => this.#lacksShare(size) || this.#lacksQuota(size, quota);
    if (lacks() && performance.now() - this.#measuredAt > freshForRefusal) this.#measure();
    if (this.#lacksShare(size)) {
      throw new OverloadedError(
        `the spool at ${this.#environment.path} holds as much as it may of senders whose token is not known to be ` +
          `good (maxUnproven ${formatBytes(this.#maxUnproven)}); all others are served: see hookline discards list`,
        { unproven: true },
      );
    }
    if (this.#lacksQuota(size, quota)) {
      throw new OverloadedError(
        `one client has as much as it may in the spool at ${this.#environment.path} of senders whose token is not ` +
          'known to be good; all others are served: see hookline discards list',
        { unproven: true },
      );
    }
    this.#unprovenSince += size;
    if (quota !== undefined) this.#clients.take(quota.client, size);
  }

  #lacksQuota(size: number, quota: SpoolRecord['quota']): boolean {
    return quota !== undefined && this.#clients.of(quota.client) + size > this.#maxUnproven * quota.part;
  }

  #lacksShare(size: number): boolean {
    const taken = this.#unproven + this.#unprovenInJournal + this.#unprovenSince;
    return taken + size > this.#maxUnproven;
  }

  #measure(): void {
    const { live, file } = this.#environment.usage();
    const { bavail, bsize } = statfsSync(this.#environment.path);
    const waiting = this.#importer.waiting();
    this.#live = live + waiting;
    // What waits in the journals needs its room in LMDB too before theirs is free, and up to twice as much.
    this.#room = bavail * bsize + (file - live) - 2 * waiting;
    this.#since = this.#appender.waiting;
    // A journal does not tell whose records wait in it, once for all their lanes. So: what this process has put
    // there, as far as so much waits there still.
    const most = (waiting + this.#since) * this.#widest;
    this.#unprovenInJournal = Math.min(this.#unprovenInJournal + this.#unprovenSince, most);
    this.#unprovenSince = 0;
    this.#unproven = this.#strangers.waiting();
    this.#clients.settle(this.#unproven + this.#unprovenInJournal);
    this.#measuredAt = performance.now();
    clearTimeout(this.#next);
    this.#next = setTimeout(() => {
      this.#next = undefined;
    }, freshFor).unref();
  }

  #assert(size: number): void {
    const obstacle = this.#obstacle(size);
    if (obstacle !== undefined) throw new OverloadedError(obstacle);
  }

  #obstacle(size: number): string | undefined {
    const wanted = this.#since + size;
    if (this.#live + wanted > this.#maxSize) {
      return (
        `the spool at ${this.#environment.path} is full (maxSize ${formatBytes(this.#maxSize)}): see why its ` +
        'lanes do not drain, replay or drop dead letters (hookline dead), or raise maxSize'
      );
    }
    if (this.#room - wanted < this.#reserve) {
      return (
        `the disk of the spool at ${this.#environment.path} is full (its last ${formatBytes(this.#reserve)} are ` +
        'kept for draining the spool): make room on it'
      );
    }
    return undefined;
  }
}
