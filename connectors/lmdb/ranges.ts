import type { StoredRecord } from '../../core/index.js';
import { positionOf } from './record.js';

/** Records of one writer in one lane, one after the other, both ends included. */
export interface Range {
  readonly writer: number;
  readonly from: number;
  readonly to: number;
}

/** For each writer the range from its first to its last record among these, which are in its order. */
export function rangesOf(records: Iterable<StoredRecord>): Range[] {
  const ranges = new Map<number, { writer: number; from: number; to: number }>();
  for (const record of records) {
    const { writer, sequence } = positionOf(record);
    const range = ranges.get(writer);
    if (range === undefined) ranges.set(writer, { writer, from: sequence, to: sequence });
    else range.to = sequence;
  }
  return [...ranges.values()].sort((a, b) => a.writer - b.writer);
}

/** At equal times the lower writer comes first, as the ranges are in order of writers. */
export function isBefore(a: StoredRecord, b: StoredRecord): boolean {
  return a.timestamp < b.timestamp;
}
