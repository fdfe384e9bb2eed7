import type { TrustedClock } from '../../core/index.js';
import { AttemptNotes } from './attempt-notes.js';
import { Batches } from './batches.js';
import { Capacity } from './capacity.js';
import { Claim } from './claim.js';
import { ClockNotes } from './clock-notes.js';
import { DeadLetters } from './dead-letters.js';
import { Discards } from './discards.js';
import { Environment } from './environment.js';
import { HaltNotes } from './halt-notes.js';
import { HeldDiscards } from './held-discards.js';
import { Appender } from './journal/appender.js';
import { JournalFolder } from './journal/folder.js';
import { beginPlaces, Importer, placesIn } from './journal/importer.js';
import type { SpoolLogger } from './journal/retiring.js';
import { Landed } from './landed.js';
import { Proofs } from './proofs.js';
import { Queues } from './queues.js';
import { Records } from './records.js';
import { Revival } from './revival.js';
import { Sealing } from './sealing.js';
import { SpoolSerials } from './serials.js';
import { Strangers } from './strangers.js';
import { Writers } from './writers.js';

export interface LmdbSpoolOptions {
  /** The spool's folder. */
  readonly path: string;
  /** Bytes in use at which appends are refused. */
  readonly maxSize: number;
  /** How much of that unproven records may take; a tenth unless given. */
  readonly maxUnproven?: number | undefined;
}

/** What part of `maxSize` may be held of what failed authentication: strangers choose how much that is. */
const heldPart = 8;

/** And of receipts. */
const landedPart = 16;

export type Parts = Awaited<ReturnType<typeof openParts>>;

/** Opens the environment and the journal, and builds over them what the spool is made of. */
export async function openParts(options: LmdbSpoolOptions, logger: SpoolLogger, clock: TrustedClock) {
  const { path, maxSize, maxUnproven = maxSize / 10 } = options;
  const opened = await Environment.open('spool', path, mapSizeFor(maxSize), (environment) => {
    const claim = new Claim(environment);
    return {
      environment,
      claim,
      clockNotes: new ClockNotes(environment, claim, clock, logger),
      records: new Records(environment),
      batches: new Batches(environment, logger),
      dead: new DeadLetters(environment),
      discards: new Discards(environment),
      halts: new HaltNotes(environment, claim, logger),
      held: new HeldDiscards(environment, maxSize / heldPart, clock),
      landed: new Landed(environment, maxSize / landedPart, clock),
      places: placesIn(environment, logger),
      proofs: new Proofs(environment, claim),
      serials: new SpoolSerials(environment, claim, logger),
      strangers: new Strangers(environment),
      writers: new Writers(environment, logger),
    };
  });
  const { environment, claim, records, batches, dead, discards, held, landed, serials, strangers, writers } =
    opened;
  opened.clockNotes.resume();
  const spoolId = await writers
    .spoolId(() => beginPlaces(opened.places))
    .catch(async (error: unknown) => {
      await environment.close();
      throw error;
    });
  serials.begin(spoolId);
  const journal = new JournalFolder(path, spoolId, segmentLengthFor(maxSize));
  journal.tidy();
  for (const folder of journal.strangers()) {
    logger.error(
      {},
      `${folder} holds requests that were answered, of a spool whose data.mdb is not here any more: ` +
        'they do not land; put that data.mdb back, with this journal, in a folder of their own',
    );
  }
  batches.inspect();
  const importer = new Importer(environment, opened.places, journal, records, batches, strangers, logger);
  const appender = new Appender(journal, writers);
  return {
    ...opened,
    attempts: new AttemptNotes(path),
    journal,
    importer,
    appender,
    capacity: new Capacity(environment, importer, appender, strangers, maxSize, maxUnproven),
    queues: new Queues(environment, records, batches),
    revival: new Revival(environment, records, dead, held, writers),
    sealing: new Sealing(claim, serials, records, batches, dead, discards, held, landed, strangers, logger),
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
