import type { Attempts } from './attempts.js';
import type { Row } from './chart.js';
import type { TableName } from './destination.js';
import type { Halts } from './halts.js';
import type { Quarantine } from './quarantine.js';
import type { Receipts } from './receipts.js';
import type { Senders } from './sender.js';
import type { Origin, Serials } from './serials.js';

declare const lane: unique symbol;
declare const position: unique symbol;

/** One pipeline's queue for one destination, written `835212/warehouse`. */
export type LaneId = string & { readonly [lane]: true };

export function laneId(pipeline: string, destination: string): LaneId {
  return `${pipeline}/${destination}` as LaneId;
}

/** The pipeline id and the destination's name of a lane. */
export function laneParts(id: LaneId): { readonly pipeline: string; readonly destination: string } {
  const slash = id.indexOf('/');
  return { pipeline: id.slice(0, slash), destination: id.slice(slash + 1) };
}

/** One accepted request, as the ack path hands it over. The token itself never enters the spool. */
export interface SpoolRecord extends Row {
  /** SHA-256 of the token's characters; 32 bytes. */
  readonly tokenDigest: Uint8Array;
  /** Its sender was not proven when it came: it counts for the share of such records, until it is sealed. */
  readonly unproven?: boolean;
  /** Of an unproven one: what part of that share its client may take in this process. Not kept. */
  readonly quota?: { readonly client: string; readonly part: number };
}

/** Where a record lies; the spool's own affair. */
export type Position = { readonly [position]: true };

/** A record as the spool gives it back. */
export interface StoredRecord extends SpoolRecord {
  readonly position: Position;
  /** Authenticated already: a dead letter that was revived is not asked for its token again. */
  readonly authenticated: boolean;
  /** It failed authentication before, and an operator put it back: its token is looked up anew. */
  readonly released?: boolean;
  /** It is not what was accepted: the disk has changed it since. It dies, and never lands. */
  readonly damaged?: boolean;
}

/** How much one batch may take. A `read` returns at least one record where there is one, however large. */
export interface BatchLimits {
  readonly rows: number;
  /** The sum of the bodies' lengths. */
  readonly bytes: number;
}

/** Authenticated records of one lane, fixed under an id. */
export interface SealedBatch {
  /** UUIDv7. */
  readonly id: string;
  readonly lane: LaneId;
  readonly rows: readonly StoredRecord[];
  readonly bytes: number;
  /** Absent where the spool has no serials, and in a batch that was sealed before it had. */
  readonly origin?: Origin;
}

export const discardReasons = [
  'unknown key',
  'wrong token',
  'deactivated token',
  'expired token',
  'token not allowed on this pipeline',
] as const;

export type DiscardReason = (typeof discardReasons)[number];

/** A record of the batch that failed authentication. */
export interface Discard {
  readonly record: StoredRecord;
  readonly reason: DiscardReason;
}

/** What the list of discards keeps of a request: never the token, nor the body. */
export interface DiscardEntry {
  readonly requestId: string;
  readonly timestamp: number;
  readonly lane: LaneId;
  readonly key: string;
  readonly reason: DiscardReason;
}

/** Discards counted since the spool was made. */
export interface DiscardCount {
  readonly lane: LaneId;
  readonly reason: DiscardReason;
  readonly count: number;
}

/** Why a batch of one was given up. */
export interface Death {
  readonly reason: string;
}

/** A row that its warehouse will never take, kept with its body until someone replays or drops it. */
export interface DeadLetter extends Row {
  readonly lane: LaneId;
  readonly reason: string;
  readonly diedAt: Date;
}

/** Which dead letters: those that everything given here holds for; without anything, all. */
export interface DeadFilter {
  readonly pipeline?: string;
  readonly destination?: string;
  readonly requestId?: string;
  /** A part of the reason, in upper or lower case. */
  readonly reason?: string;
  /** Only what follows this one in the list, whether it is still there or not. */
  readonly after?: Pick<DeadLetter, 'lane' | 'diedAt' | 'requestId'>;
  readonly limit?: number;
  /** What the bodies may have together; one letter at least is given where there is one, however large. */
  readonly bytes?: number;
}

/** What waits in a lane, sealed or not. */
export interface Depth {
  readonly records: number;
  /** The sum of the bodies' lengths. */
  readonly bytes: number;
  /** Seconds since the epoch of the oldest record; absent when the lane is empty. */
  readonly oldest?: number;
}

/** A request that waits in one lane. */
export interface Waiting {
  readonly requestId: string;
  readonly timestamp: number;
  readonly key: string;
  readonly lane: LaneId;
  readonly bytes: number;
  /** The id of the sealed batch that it is in; absent while it is in none. */
  readonly batch?: string;
}

/**
 * The durable queue between the answer and the warehouse. Building one does no I/O; `open` does.
 *
 * Several processes use one spool at once: ack workers append, one load process reads, seals and
 * settles, the CLI lists. Whatever resolves is durable: it survives SIGKILL and a power cut.
 *
 * Three obligations carry the promise "nothing lost, nothing doubled":
 * - a record whose commit comes late is neither skipped by `read` nor settled unread;
 * - a batch's id is minted at random, so that a spool made anew never repeats one;
 * - `seal`, `split` and `settle` are all or nothing, at every instruction.
 */
export interface Spool {
  open(signal: AbortSignal): Promise<void>;

  /**
   * Keep the record in each of the lanes, all or nothing; resolves when it would survive a crash. Many
   * calls in flight share one flush. The buffers are not changed after the call.
   * @throws OverloadedError when the spool is full or its disk fails; the record may then be dropped. One with
   *   `unproven` when only the share of unproven records is full, or its client's quota of it, as far as it is known
   *   in this process; of the share other processes may see that a second late
   */
  append(lanes: readonly LaneId[], record: SpoolRecord): Promise<void>;

  /** Prove that an append would be taken now. Changes nothing. @throws OverloadedError */
  check(signal: AbortSignal): Promise<void>;

  /**
   * Become the one process that seals, splits and settles. Whoever held the claim gets `FencedError`
   * from its next seal, split or settle, and nothing of that call happens.
   */
  claim(signal: AbortSignal): Promise<void>;

  /** The lanes that hold anything, sealed or not. Called some ten times a second: cheap when idle. */
  pending(): Promise<LaneId[]>;

  /**
   * The oldest batch of the lane that is not settled: what a crash or an outage left. Or the newest one, or the one
   * that is so many before the newest.
   */
  sealed(lane: LaneId, which?: 'oldest' | 'newest' | number): Promise<SealedBatch | undefined>;

  /**
   * The oldest records that are not in a sealed batch, about in the order of time; changes nothing. Also asked for
   * while a batch is being written, and then sealed once that one is settled.
   */
  read(lane: LaneId, limits: BatchLimits): Promise<StoredRecord[]>;

  /**
   * Fix a batch. `rows` and `discarded` together are exactly what one `read` returned, each in its
   * order. Discarded records are dropped and noted. Resolves to the batch, or to `undefined` when there
   * are no rows. From here on the batch never changes.
   */
  seal(
    lane: LaneId,
    rows: readonly StoredRecord[],
    discarded: readonly Discard[],
  ): Promise<SealedBatch | undefined>;

  /** Replace a sealed batch of two rows or more by its two halves, under new ids, before either is written. */
  split(batch: SealedBatch): Promise<void>;

  /**
   * The batch is finished: it landed, or, being of one row, it is kept as a dead letter.
   * @param table where it landed, for its receipts
   */
  settle(batch: SealedBatch, outcome: 'landed' | Death, table?: TableName): Promise<void>;

  /**
   * What waits in the lane, sealed or not: exactly, but for what `Senders.clear` has dropped between others, which may
   * count until those are settled. Who asks only whether there is more than `enough`, in rows or in
   * bytes, is told so without all being counted, so that behind an outage a lane can begin at once; and what came
   * since `pending` was last called need not be counted at all.
   */
  depth(lane: LaneId, enough?: BatchLimits): Promise<Depth>;

  /** The lanes in which a request waits, sealed or not. It may look at everything that waits. */
  find(requestId: string): Promise<Waiting[]>;

  /** Dead letters, oldest death first, those of one millisecond in an order that stays the same. */
  dead(filter: DeadFilter): Promise<DeadLetter[]>;
  /** How many dead letters each lane has; lanes with none are absent. */
  deadCounts(): Promise<ReadonlyMap<LaneId, number>>;
  /** Put a dead letter back into its lane, as authenticated; false when it is not there (any more). */
  revive(letter: DeadLetter): Promise<boolean>;
  /** Throw a dead letter away; false when it is not there (any more). */
  drop(letter: DeadLetter): Promise<boolean>;

  /** The newest discards, newest first; the spool keeps some thousands at least. */
  discards(limit: number): Promise<DiscardEntry[]>;
  discardCounts(): Promise<DiscardCount[]>;

  /** Optional: without it nothing is held of what failed authentication. */
  readonly quarantine?: Quarantine;

  /** Optional: without it nobody knows which batch a process was killed at. */
  readonly attempts?: Attempts;

  /** Optional: without it a process does not know of the halts of the one before it. */
  readonly halts?: Halts;

  /** Optional: without it nothing is remembered of what has landed. */
  readonly receipts?: Receipts;

  /** Optional: without it a spool that was restored from a backup or copied lands again what it holds. */
  readonly serials?: Serials;

  /** Optional: without it no sender counts as a stranger, and no record as unproven. */
  readonly senders?: Senders;

  close(): Promise<void>;
}
