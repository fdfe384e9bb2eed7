import type { DiscardReason, LaneId } from '../../core/index.js';
import { decodeRecord, encodeRecord, type StoredEntry } from './record.js';

/** What the quarantine keeps of a request; how long it is held is in its key. */
export interface Held {
  readonly lane: LaneId;
  readonly reason: DiscardReason;
  /** When it was discarded, in milliseconds since the epoch. */
  readonly at: number;
  readonly entry: StoredEntry;
}

/** Length of what follows (uint32), lane, reason and time as JSON, the record. */
export function encodeHeld({ entry, ...head }: Held): Buffer {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, encodeRecord(entry)]);
}

export function decodeHeld(bytes: Buffer): Held {
  const own = Buffer.from(bytes.subarray(0, bytes.length));
  const end = 4 + own.readUInt32BE();
  const head = JSON.parse(own.toString('utf8', 4, end)) as Omit<Held, 'entry'>;
  return { ...head, entry: decodeRecord(own.subarray(end)) };
}
