import { crc32 } from 'node:zlib';
import type { Position, SpoolRecord, StoredRecord } from '../../core/index.js';
import { readUuid, writeUuid } from './uuid.js';

/** Where a record lies: within its lane, by the writer that appended it and its place in that writer's row. */
export interface RecordPosition {
  readonly writer: number;
  /** Contiguous from 1 for each lane and writer; commits come in this order. */
  readonly sequence: number;
}

/** What the spool keeps of a record. */
export interface StoredEntry extends SpoolRecord {
  readonly authenticated: boolean;
  readonly unproven: boolean;
  /** Put back out of the quarantine. */
  readonly released?: boolean;
  /** The disk has changed it. */
  readonly damaged?: boolean;
  /** The sum of the bodies' lengths in this lane and writer up to this record, and with it. */
  readonly cumulative: number;
}

const version = 2;
const authenticatedFlag = 1;
const unprovenFlag = 2;
const releasedFlag = 4;
const damagedFlag = 8;
const at = {
  crc: 1,
  cumulative: 5,
  flags: 13,
  timestamp: 14,
  requestId: 22,
  key: 42,
  digest: 58,
  body: 90,
} as const;

/** Bytes of the entry of such a record. */
export function entryLength(record: SpoolRecord): number {
  return at.body + record.body.length;
}

/**
 * Writes an entry: version, CRC (uint32) of all from the flags on, cumulative bytes (float64), flags, timestamp
 * (float64), request id (20 ASCII), key (16), token digest (32), body. Numbers are big-endian. The CRC is left out:
 * a journal has its own, and whoever moves the entry into LMDB sets it.
 * @throws Error when a field is not of the length that its place has
 */
export function writeEntry(
  bytes: Buffer,
  offset: number,
  record: SpoolRecord,
  authenticated: boolean,
  cumulative: number,
): void {
  if (record.tokenDigest.length !== 32) throw new Error('a token digest has 32 bytes');
  bytes[offset] = version;
  bytes.writeUInt32BE(0, offset + at.crc);
  bytes[offset + at.flags] = authenticated ? authenticatedFlag : record.unproven === true ? unprovenFlag : 0;
  bytes.writeDoubleBE(record.timestamp, offset + at.timestamp);
  writeRequestId(bytes, offset + at.requestId, record.requestId);
  writeUuid(bytes, offset + at.key, record.key);
  bytes.set(record.tokenDigest, offset + at.digest);
  bytes.writeDoubleBE(cumulative, offset + at.cumulative);
  bytes.set(record.body, offset + at.body);
}

export function encodeRecord(entry: StoredEntry): Buffer {
  const bytes = Buffer.allocUnsafe(entryLength(entry));
  writeEntry(bytes, 0, entry, entry.authenticated, entry.cumulative);
  const more = (entry.released === true ? releasedFlag : 0) | (entry.damaged === true ? damagedFlag : 0);
  bytes[at.flags] = (bytes[at.flags] ?? 0) | more;
  setCrc(bytes);
  return bytes;
}

export function setCrc(entry: Buffer): void {
  entry.writeUInt32BE(crcOf(entry), at.crc);
}

function crcOf(entry: Buffer): number {
  // A plain view: a Buffer's `subarray` takes as long as the sum.
  return crc32(new Uint8Array(entry.buffer, entry.byteOffset + at.flags, entry.length - at.flags));
}

export function setCumulative(entry: Buffer, cumulative: number): void {
  entry.writeDoubleBE(cumulative, at.cumulative);
}

export function bodyLengthOf(entry: Buffer): number {
  return entry.length - at.body;
}

export function isUnproven(entry: Buffer): boolean {
  return ((entry[at.flags] ?? 0) & unprovenFlag) !== 0;
}

export function requestIdIn(entry: Buffer): string {
  return entry.toString('latin1', at.requestId, at.key);
}

export function timestampOf(entry: Buffer): number {
  return entry.readDoubleBE(at.timestamp);
}

/** Character by character: for so few of them `write` costs more to call than to do. */
function writeRequestId(bytes: Buffer, offset: number, id: string): void {
  if (id.length !== 20) throw new Error('a request id has 20 ASCII characters');
  for (let index = 0; index < 20; index++) {
    const code = id.charCodeAt(index);
    if (code < 0x20 || code > 0x7e) throw new Error('a request id has 20 ASCII characters');
    bytes[offset + index] = code;
  }
}

/** Decodes out of a buffer that is never written again: digest and body are views of it. */
export function decodeRecord(bytes: Buffer): StoredEntry {
  const isWhole = bytes.readUInt32BE(at.crc) === crcOf(bytes);
  if (bytes[0] !== version && !isWhole) {
    throw new Error(`a spool record has version ${bytes[0]}; this Hookline knows version ${version}`);
  }
  const damaged = !isWhole || ((bytes[at.flags] ?? 0) & damagedFlag) !== 0;
  const requestId = bytes.toString('latin1', at.requestId, at.key);
  const timestamp = bytes.readDoubleBE(at.timestamp);
  return {
    requestId: damaged ? requestId.replace(/[^ -~]/g, '?') : requestId,
    timestamp: Number.isFinite(timestamp) ? timestamp : 0,
    damaged,
    key: readUuid(bytes, at.key),
    body: bytes.subarray(at.body),
    tokenDigest: new Uint8Array(bytes.buffer, bytes.byteOffset + at.digest, at.body - at.digest),
    authenticated: ((bytes[at.flags] ?? 0) & authenticatedFlag) !== 0,
    unproven: isUnproven(bytes),
    released: ((bytes[at.flags] ?? 0) & releasedFlag) !== 0,
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
    unproven: record.unproven === true,
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
    unproven: entry.unproven,
    released: entry.released === true,
    damaged: entry.damaged === true,
    position: place as unknown as Position,
  };
}

export function positionOf(record: StoredRecord): RecordPosition {
  return record.position as unknown as RecordPosition;
}
