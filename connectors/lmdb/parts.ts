import { Appender } from './appender.js';
import { Batches } from './batches.js';
import { Capacity } from './capacity.js';
import { Claim } from './claim.js';
import { DeadLetters } from './dead-letters.js';
import { Discards } from './discards.js';
import { Environment } from './environment.js';
import { Records } from './records.js';
import { Revival } from './revival.js';
import { Sealing } from './sealing.js';
import { Writers } from './writers.js';

export interface LmdbSpoolOptions {
  /** The spool's folder. */
  readonly path: string;
  /** Bytes in use at which appends are refused. */
  readonly maxSize: number;
}

export type Parts = ReturnType<typeof openParts>;

/** Opens the environment, and builds over it what the spool is made of. */
export function openParts({ path, maxSize }: LmdbSpoolOptions) {
  const environment = Environment.open('spool', path, mapSizeFor(maxSize));
  const records = new Records(environment);
  const batches = new Batches(environment);
  const dead = new DeadLetters(environment);
  const discards = new Discards(environment);
  const claim = new Claim(environment);
  const writers = new Writers(environment);
  return {
    environment,
    records,
    batches,
    dead,
    discards,
    claim,
    writers,
    capacity: new Capacity(environment, maxSize),
    appender: new Appender(environment, records, writers),
    revival: new Revival(environment, records, dead, writers),
    sealing: new Sealing(claim, records, batches, dead, discards),
  };
}

/**
 * Address space, not disk. Twice the limit leaves room to seal and settle when the spool is full, and for
 * pages that a slow reader keeps from being used again.
 */
function mapSizeFor(maxSize: number): number {
  const gibibyte = 1024 ** 3;
  return Math.min(2 * maxSize + gibibyte, 64 * 1024 * gibibyte);
}
