import { type LaneId, laneId } from '../../core/index.js';

/**
 * Keys sort as bytes. Every key of a lane begins with the lane's UTF-8 and 0x00, which no lane contains:
 * so a lane is one range, and the lane after it is one seek away.
 */
const terminator = 0;

/** LMDB takes keys of 511 bytes and more; what a lane's name may use of them. */
const longestLane = 400;

const prefixes = new Map<LaneId, Buffer>();

/** @throws Error when the lane's name cannot be part of a key */
export function lanePrefix(lane: LaneId): Buffer {
  let prefix = prefixes.get(lane);
  if (prefix === undefined) {
    prefix = Buffer.from(`${lane}\0`);
    if (prefix.length > longestLane || prefix.indexOf(terminator) !== prefix.length - 1) {
      throw new Error(`a lane's name has at most ${longestLane} bytes, none of them 0x00`);
    }
    prefixes.set(lane, prefix);
  }
  return prefix;
}

/** The first key that lies after all keys of the lane. */
export function afterLane(lane: LaneId): Buffer {
  const end = Buffer.from(lanePrefix(lane));
  end[end.length - 1] = terminator + 1;
  return end;
}

/** The first key that can belong to a lane of the pipeline, and the first that cannot any more. */
export function pipelineRange(pipeline: string): { readonly start: Buffer; readonly end: Buffer } {
  const start = Buffer.from(laneId(pipeline, ''));
  const end = Buffer.from(start);
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1;
  return { start, end };
}

export function laneOf(key: Buffer): LaneId {
  return key.toString('utf8', 0, key.indexOf(terminator)) as LaneId;
}

/** lane 0x00 writer (4 bytes) sequence (6 bytes) */
export function recordKey(lane: LaneId, writer: number, sequence: number): Buffer {
  const prefix = lanePrefix(lane);
  const key = Buffer.allocUnsafe(prefix.length + 10);
  key.set(prefix);
  key.writeUInt32BE(writer, prefix.length);
  key.writeUIntBE(sequence, prefix.length + 4, 6);
  return key;
}

export function writerOf(key: Buffer): number {
  return key.readUInt32BE(key.length - 10);
}

export function sequenceOf(key: Buffer): number {
  return key.readUIntBE(key.length - 6, 6);
}

/**
 * lane 0x00 order (6 bytes) place (6 bytes). The order counts up as batches are sealed; the place tells
 * the parts of a split batch apart and leaves them all before the next order.
 */
export function batchKey(lane: LaneId, order: number, place: number): Buffer {
  const prefix = lanePrefix(lane);
  const key = Buffer.allocUnsafe(prefix.length + 12);
  key.set(prefix);
  key.writeUIntBE(order, prefix.length, 6);
  key.writeUIntBE(place, prefix.length + 6, 6);
  return key;
}

/** lane 0x00 time of death (6 bytes, milliseconds) request id */
export function deadKey(lane: LaneId, diedAt: Date, requestId: string): Buffer {
  const time = Buffer.allocUnsafe(6);
  time.writeUIntBE(diedAt.getTime(), 0, 6);
  return Buffer.concat([lanePrefix(lane), time, Buffer.from(requestId, 'latin1')]);
}

export function diedAtOf(key: Buffer): Date {
  return new Date(key.readUIntBE(key.indexOf(terminator) + 1, 6));
}

/** Of a dead letter's key. */
export function requestIdOf(key: Buffer): string {
  return key.toString('latin1', key.indexOf(terminator) + 7);
}

/** time (6 bytes, milliseconds) epoch (6 bytes) serial (6 bytes): only the claim's holder writes them. */
export function timeKey(time: number, epoch: number, serial: number): Buffer {
  const key = Buffer.allocUnsafe(18);
  key.writeUIntBE(time, 0, 6);
  key.writeUIntBE(epoch, 6, 6);
  key.writeUIntBE(serial, 12, 6);
  return key;
}

/** Of a `timeKey`: milliseconds since the epoch. */
export function timeOf(key: Buffer): number {
  return key.readUIntBE(0, 6);
}
