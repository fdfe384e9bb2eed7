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
  return [...endsOf(records).entries()]
    .map(([writer, [first, last]]) => ({
      writer,
      from: positionOf(first).sequence,
      to: positionOf(last).sequence,
    }))
    .sort((a, b) => a.writer - b.writer);
}

/** The first and the last record of each writer among these, which are in its order. */
export function endsOf(records: Iterable<StoredRecord>): Map<number, [StoredRecord, StoredRecord]> {
  const ends = new Map<number, [StoredRecord, StoredRecord]>();
  for (const record of records) {
    const { writer } = positionOf(record);
    const known = ends.get(writer);
    if (known === undefined) ends.set(writer, [record, record]);
    else known[1] = record;
  }
  return ends;
}

/** At equal times the lower writer comes first, as the ranges are in order of writers. */
export function isBefore(a: StoredRecord, b: StoredRecord): boolean {
  return a.timestamp < b.timestamp;
}
