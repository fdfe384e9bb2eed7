import type { BatchLimits, Discard, LaneId, Position, StoredRecord } from './spool.js';

declare const sender: unique symbol;

/**
 * A key together with a token's digest, as text: who knows the key alone is another sender. So whatever is
 * remembered of a sender tells nothing to one that has not got its token.
 */
export type SenderId = string & { readonly [sender]: true };

export function senderId(key: string, tokenDigest: Uint8Array): SenderId {
  const { buffer, byteOffset, length } = tokenDigest;
  return `${key}/${Buffer.from(buffer, byteOffset, length).toString('base64')}` as SenderId;
}

/** The key and the token's digest of a sender. */
export function senderParts(id: SenderId): { readonly key: string; readonly tokenDigest: Uint8Array } {
  const slash = id.indexOf('/');
  return { key: id.slice(0, slash), tokenDigest: Buffer.from(id.slice(slash + 1), 'base64') };
}

/**
 * Which senders are proven: their token was found to be good. A part of the spool, as ack workers and the load
 * process share nothing else. Ack workers ask, and the load process, which alone knows tokens, judges.
 */
export interface Senders {
  /**
   * Have these judged. Called about once a second with a thousand of them at most; best effort, as they ask
   * again: a spool keeps some thousands, and need not keep them over a crash.
   */
  ask(senders: readonly SenderId[]): Promise<void>;

  /** Those that were asked about and not judged since. */
  asked(): Promise<SenderId[]>;

  /**
   * From now on these are proven, and those are not; nobody asks about any of them any more. Durable on return.
   * @throws FencedError as `seal` does
   */
  judge(proven: readonly SenderId[], unproven: readonly SenderId[]): Promise<void>;

  /**
   * Optional, together with `clear`: without them what waits in a lane that stands counts for the share until it is
   * sealed. The oldest records of the lane that are in no batch, from behind `after` on, the last that was read of
   * each writer, as the call before has given it.
   */
  unsealed?(
    lane: LaneId,
    limits: BatchLimits,
    after: readonly Position[],
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly to: readonly Position[] }>;

  /**
   * These are of one such read and were judged. From now on the ones count no more for the share of unproven records,
   * and wait on; the others are dropped and noted, as `seal` does. All or nothing, and durable on return. Called while
   * nobody seals in the lane.
   * @throws FencedError as `seal` does
   */
  clear?(lane: LaneId, proven: readonly StoredRecord[], discarded: readonly Discard[]): Promise<void>;

  /** All that are proven. Called about once a second by each process: cheap when nothing has changed. */
  proven(): Promise<ReadonlySet<SenderId>>;
}
