import { crc32 } from 'node:zlib';
import type { ProcessIdentity } from '../process-identity.js';

/**
 * A segment is a file to which one process appends. It begins with a header and goes on with frames, each of
 * which is one group of records that became durable together. All numbers are little-endian.
 *
 * header: magic (8 bytes), writer (4), number of the segment (4), frame that it begins with (6), pid (4),
 * start of the process (22, padded with zeros), CRC (4)
 */
export const headerLength = 52;
const headerMagic = Buffer.from('HKJRNL\0\x01', 'latin1');
const header = { writer: 8, segment: 12, frame: 16, pid: 22, started: 26, crc: 48 } as const;

export interface SegmentHeader {
  readonly writer: number;
  /** Counts the writer's segments, from 1. */
  readonly segment: number;
  /** The number of its first frame. */
  readonly frame: number;
  readonly process: ProcessIdentity;
}

export function encodeHeader({ writer, segment, frame, process }: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(headerLength);
  bytes.set(headerMagic);
  bytes.writeUInt32LE(writer, header.writer);
  bytes.writeUInt32LE(segment, header.segment);
  bytes.writeUIntLE(frame, header.frame, 6);
  bytes.writeUInt32LE(process.pid, header.pid);
  bytes.write(process.started, header.started, header.crc - header.started, 'latin1');
  bytes.writeUInt32LE(crc32(bytes.subarray(0, header.crc)), header.crc);
  return bytes;
}

/** `undefined` when these bytes are not a header. */
export function decodeHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < headerLength || !bytes.subarray(0, headerMagic.length).equals(headerMagic))
    return undefined;
  if (bytes.readUInt32LE(header.crc) !== crc32(bytes.subarray(0, header.crc))) return undefined;
  const started = bytes.toString('latin1', header.started, header.crc);
  return {
    writer: bytes.readUInt32LE(header.writer),
    segment: bytes.readUInt32LE(header.segment),
    frame: bytes.readUIntLE(header.frame, 6),
    process: { pid: bytes.readUInt32LE(header.pid), started: started.replace(/\0+$/, '') },
  };
}

/**
 * frame: magic (4 bytes), length of the payload (4), number (6), CRC (4), payload. The CRC covers the writer
 * too, so that nothing that another one wrote passes for a frame.
 */
export const frameLength = 18;
const frameMagic = 0x4d524648;
const frame = { magic: 0, payload: 4, number: 8, crc: 14 } as const;

/** Fills the place that was left at the start of `bytes` for the frame of what follows. */
export function sealFrame(bytes: Buffer, writer: number, number: number): void {
  bytes.writeUInt32LE(frameMagic, frame.magic);
  bytes.writeUInt32LE(bytes.length - frameLength, frame.payload);
  bytes.writeUIntLE(number, frame.number, 6);
  bytes.writeUInt32LE(frameCrc(bytes, writer), frame.crc);
}

/** How long the frame is that begins here, going by its first bytes; `undefined` when none does. */
export function lengthOfFrame(bytes: Buffer, at: number): number | undefined {
  if (at + frameLength > bytes.length || bytes.readUInt32LE(at + frame.magic) !== frameMagic)
    return undefined;
  return frameLength + bytes.readUInt32LE(at + frame.payload);
}

/** Where the next frame may begin, from there on; -1 when there is none. */
export function nextMagic(bytes: Buffer, from: number): number {
  return bytes.indexOf('HFRM', from, 'latin1');
}

/** The number that the frame which begins here says it has. */
export function numberIn(bytes: Buffer, at: number): number {
  return bytes.readUIntLE(at + frame.number, 6);
}

/** Whether these bytes are a frame of that writer, neither torn nor damaged. */
export function isWhole(bytes: Buffer, writer: number): boolean {
  return bytes.readUInt32LE(frame.crc) === frameCrc(bytes, writer);
}

/** Whether these bytes would be one under that number. */
export function isWholeAs(bytes: Buffer, writer: number, number: number): boolean {
  const renumbered = Buffer.from(bytes);
  renumbered.writeUIntLE(number, frame.number, 6);
  return isWhole(renumbered, writer);
}

function frameCrc(bytes: Buffer, writer: number): number {
  return crc32(bytes.subarray(frameLength), crc32(bytes.subarray(0, frame.crc), writer));
}

/**
 * A record of the payload: length of the lanes' names (2 bytes), their UTF-8 with 0x00 between them, length
 * of the entry (4), entry as `record.ts` encodes it.
 */
export interface JournalRecord {
  readonly lanes: Buffer;
  readonly entry: Buffer;
}

export function* recordsOf(bytes: Buffer): Generator<JournalRecord> {
  for (let at = frameLength; at < bytes.length; ) {
    const lanes = at + 2;
    const length = lanes + bytes.readUInt16LE(at);
    const entry = length + 4;
    at = entry + bytes.readUInt32LE(length);
    yield { lanes: bytes.subarray(lanes, length), entry: bytes.subarray(entry, at) };
  }
}
