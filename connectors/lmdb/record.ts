import type { Position, SpoolRecord, StoredRecord } from '../../core/index.js';

/** Where a record lies: within its lane, by the writer that appended it and its place in that writer's row. */
export interface RecordPosition {
  readonly writer: number;
  /** Contiguous from 1 for each lane and writer; commits come in this order. */
  readonly sequence: number;
}

/** What the spool keeps of a record. */
export interface StoredEntry extends SpoolRecord {
  readonly authenticated: boolean;
  /** The sum of the bodies' lengths in this lane and writer up to this record, and with it. */
  readonly cumulative: number;
}

const version = 1;
const authenticatedFlag = 1;
const at = { flags: 1, timestamp: 2, requestId: 10, key: 30, digest: 46, cumulative: 78, body: 86 } as const;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @throws Error when a field is not of the length that its place has */
export function assertStorable(record: SpoolRecord): void {
  if (!/^[\x20-\x7e]{20}$/.test(record.requestId)) throw new Error('a request id has 20 ASCII characters');
  if (!uuid.test(record.key)) throw new Error('a key is a UUID in lower case');
  if (record.tokenDigest.length !== 32) throw new Error('a token digest has 32 bytes');
}

/**
 * version, flags, timestamp (float64), request id (20 ASCII), key (16), token digest (32), cumulative
 * bytes (float64), body. Numbers are big-endian.
 */
export function encodeRecord(entry: StoredEntry): Buffer {
  const bytes = Buffer.allocUnsafe(at.body + entry.body.length);
  bytes[0] = version;
  bytes[at.flags] = entry.authenticated ? authenticatedFlag : 0;
  bytes.writeDoubleBE(entry.timestamp, at.timestamp);
  bytes.write(entry.requestId, at.requestId, 20, 'latin1');
  bytes.write(entry.key.replaceAll('-', ''), at.key, 16, 'hex');
  bytes.set(entry.tokenDigest, at.digest);
  bytes.writeDoubleBE(entry.cumulative, at.cumulative);
  bytes.set(entry.body, at.body);
  return bytes;
}

/** Decodes out of a buffer that is never written again: digest and body are views of it. */
export function decodeRecord(bytes: Buffer): StoredEntry {
  if (bytes[0] !== version) {
    throw new Error(`a spool record has version ${bytes[0]}; this Hookline knows version ${version}`);
  }
  const hex = bytes.toString('hex', at.key, at.digest);
  return {
    requestId: bytes.toString('latin1', at.requestId, at.key),
    timestamp: bytes.readDoubleBE(at.timestamp),
    key: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    body: bytes.subarray(at.body),
    tokenDigest: bytes.subarray(at.digest, at.cumulative),
    authenticated: ((bytes[at.flags] ?? 0) & authenticatedFlag) !== 0,
    cumulative: bytes.readDoubleBE(at.cumulative),
  };
}

export function newEntry(record: SpoolRecord, cumulative: number): StoredEntry {
  return {
    requestId: record.requestId,
    timestamp: record.timestamp,
    key: record.key,
    body: record.body,
    tokenDigest: record.tokenDigest,
    authenticated: false,
    cumulative,
  };
}

export function storedRecord(entry: StoredEntry, place: RecordPosition): StoredRecord {
  return {
    requestId: entry.requestId,
    timestamp: entry.timestamp,
    key: entry.key,
    body: entry.body,
    tokenDigest: entry.tokenDigest,
    authenticated: entry.authenticated,
    position: place as unknown as Position,
  };
}

export function positionOf(record: StoredRecord): RecordPosition {
  return record.position as unknown as RecordPosition;
}
