import { crc32 } from 'node:zlib';
import type { Position, SpoolRecord, StoredRecord } from '../../core/index.js';
import { SenderCache } from './sender-cache.js';
import { writeUuid } from './uuid.js';

/** Where a record lies: within its lane, by the writer that appended it and its place in that writer's row. */
export interface RecordPosition {
  readonly writer: number;
  /** Contiguous from 1 for each lane and writer; commits come in this order. */
  readonly sequence: number;
}

/** What the spool keeps of a record. */
export type StoredEntry = Omit<StoredRecord, 'position'>;

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

/** @param cumulative the sum of the bodies' lengths in this lane and writer up to this record, and with it */
export function encodeRecord(entry: StoredEntry, cumulative = 0): Buffer {
  const bytes = Buffer.allocUnsafe(entryLength(entry));
  writeEntry(bytes, 0, entry, entry.authenticated, cumulative);
  const more = (entry.released === true ? releasedFlag : 0) | (entry.damaged === true ? damagedFlag : 0);
  bytes[at.flags] = (bytes[at.flags] ?? 0) | more;
  setCrc(bytes);
  return bytes;
}

export function setCrc(entry: Buffer): void {
  entry.writeUInt32BE(crcOf(entry, 0, entry.length), at.crc);
}

function crcOf(bytes: Buffer, start: number, end: number): number {
  const from = start + at.flags;
  // A plain view: a Buffer's `subarray` takes as long as the sum.
  return crc32(new Uint8Array(bytes.buffer, bytes.byteOffset + from, end - from));
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

/** The entry of a record that is whole, without the mark that its sender is not proven. */
export function asProven(entry: Buffer): Buffer {
  const bytes = Buffer.from(entry);
  bytes[at.flags] = (bytes[at.flags] ?? 0) & ~unprovenFlag;
  setCrc(bytes);
  return bytes;
}

export function timestampOf(entry: Buffer): number {
  return entry.readDoubleBE(at.timestamp);
}

/** What a lane's extent is reckoned by. */
export interface Milestone {
  readonly timestamp: number;
  readonly bodyLength: number;
  /** See `encodeRecord`. */
  readonly cumulative: number;
}

export function milestoneOf(entry: Buffer): Milestone {
  const { bytes, start, end } = whole(entry, 0, entry.length);
  return {
    timestamp: finite(bytes.readDoubleBE(start + at.timestamp)),
    bodyLength: end - start - at.body,
    cumulative: finite(bytes.readDoubleBE(start + at.cumulative)),
  };
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

/** Decodes records out of bytes that are never written again: bodies are views of them. */
export class RecordReader {
  readonly #senders = new SenderCache();

  /**
   * An entry that the disk has changed comes out as damaged, whatever can be read of it.
   * @param isKnown whether it is known that it has not
   */
  read(from: Buffer, first: number, last: number, position: Position, isKnown = false): StoredRecord {
    const { bytes, start, end } = whole(from, first, last);
    const flags = bytes[start + at.flags] as number;
    const isWhole = isKnown || bytes.readUInt32BE(start + at.crc) === crcOf(bytes, start, end);
    const damaged = !isWhole || (flags & damagedFlag) !== 0;
    const requestId = bytes.toString('latin1', start + at.requestId, start + at.key);
    const { key, tokenDigest } = this.#senders.read(bytes, start + at.key);
    return {
      requestId: damaged ? requestId.replace(/[^ -~]/g, '?') : requestId,
      timestamp: finite(bytes.readDoubleBE(start + at.timestamp)),
      key,
      body: bytes.subarray(start + at.body, end),
      tokenDigest,
      authenticated: (flags & authenticatedFlag) !== 0,
      unproven: (flags & unprovenFlag) !== 0,
      released: (flags & releasedFlag) !== 0,
      damaged,
      position,
    };
  }
}

/** Where damage has left less than an entry without a body, zeros stand for what is missing. */
function whole(bytes: Buffer, start: number, end: number) {
  if (end - start >= at.body) return { bytes, start, end };
  return { bytes: Buffer.concat([bytes.subarray(start, end)], at.body), start: 0, end: at.body };
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

const nowhere = positionAt({ writer: 0, sequence: 0 });

const single = new RecordReader();

export function decodeRecord(bytes: Buffer): StoredEntry {
  return entryOf(single.read(bytes, 0, bytes.length, nowhere));
}

/** A record without its place. */
export function entryOf({ position: _, ...entry }: StoredRecord): StoredEntry {
  return entry;
}

export function newEntry(record: SpoolRecord): StoredEntry {
  return {
    requestId: record.requestId,
    timestamp: record.timestamp,
    key: record.key,
    body: record.body,
    tokenDigest: record.tokenDigest,
    authenticated: false,
    unproven: record.unproven === true,
  };
}

export function positionAt(place: RecordPosition): Position {
  return place as unknown as Position;
}

export function positionOf(record: StoredRecord): RecordPosition {
  return placeOf(record.position);
}

export function placeOf(position: Position): RecordPosition {
  return position as unknown as RecordPosition;
}
