import { Batches } from './batches.js';
import { Capacity } from './capacity.js';
import { Claim } from './claim.js';
import { DeadLetters } from './dead-letters.js';
import { Discards } from './discards.js';
import { Environment } from './environment.js';
import { Appender } from './journal/appender.js';
import { JournalFolder } from './journal/folder.js';
import { type ErrorLogger, Importer } from './journal/importer.js';
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

export type Parts = Awaited<ReturnType<typeof openParts>>;

/** Opens the environment and the journal, and builds over them what the spool is made of. */
export async function openParts({ path, maxSize }: LmdbSpoolOptions, logger: ErrorLogger) {
  const environment = Environment.open('spool', path, mapSizeFor(maxSize));
  const records = new Records(environment);
  const batches = new Batches(environment);
  const dead = new DeadLetters(environment);
  const discards = new Discards(environment);
  const claim = new Claim(environment);
  const writers = new Writers(environment);
  const journal = new JournalFolder(path, await writers.spoolId(), segmentLengthFor(maxSize));
  journal.tidy();
  for (const folder of journal.strangers()) {
    logger.error(
      {},
      `${folder} holds requests that were answered, of a spool whose data.mdb is not here any more: ` +
        'they do not land; put that data.mdb back, with this journal, in a folder of their own',
    );
  }
  const importer = new Importer(environment, journal, records, writers, logger);
  const appender = new Appender(journal, writers);
  return {
    environment,
    journal,
    records,
    batches,
    dead,
    discards,
    claim,
    writers,
    importer,
    appender,
    capacity: new Capacity(environment, importer, appender, maxSize),
    revival: new Revival(environment, records, dead, writers),
    sealing: new Sealing(claim, records, batches, dead, discards),
  };
}

/** A small limit needs small segments, as they take room until the last of their records is in LMDB. */
function segmentLengthFor(maxSize: number): number {
  const mebibyte = 1024 ** 2;
  return Math.min(32 * mebibyte, Math.max(mebibyte / 4, maxSize / 16));
}

/**
 * Address space, not disk. Twice the limit leaves room to seal and settle when the spool is full, and for
 * pages that a slow reader keeps from being used again.
 */
function mapSizeFor(maxSize: number): number {
  const gibibyte = 1024 ** 3;
  return Math.min(2 * maxSize + gibibyte, 64 * 1024 * gibibyte);
}
