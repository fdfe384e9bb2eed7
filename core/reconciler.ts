import type { TimeRange } from './destination.js';
import type { Receipts, ReceiptsSummary } from './receipts.js';
import type { LaneId } from './spool.js';

const usualWindow = 500_000;

/** What a table was found to hold of a lane's receipts. */
export interface Reconciliation {
  /** Request timestamps of the receipts that were compared, seconds since the epoch. */
  readonly first: number;
  readonly last: number;
  readonly receipts: number;
  /** Request ids that have a receipt and no row. */
  readonly missing: readonly string[];
  /** Request ids that have more than one row, and how many. */
  readonly doubled: ReadonlyMap<string, number>;
  /** Rows from `first` to `last` that have no receipt; of those before and behind nothing is known. */
  readonly withoutReceipt: number;
}

/** The request ids of a table's rows in a range of their timestamps. */
export type RequestIds = (range: TimeRange) => AsyncIterable<readonly string[]>;

/**
 * Compares a lane's receipts with what its table holds, a stretch of time after the other, so that neither has
 * to fit into memory. The receipts are looked at first: a row without one may still be on its way.
 * @param range of request timestamps
 * @param windowLength receipts that are in memory at a time, about
 */
export async function* reconcile(
  receipts: Receipts,
  lane: LaneId,
  range: TimeRange,
  requestIds: RequestIds,
  windowLength = usualWindow,
): AsyncGenerator<Reconciliation> {
  const summaries: ReceiptsSummary[] = [];
  for await (const some of receipts.summaries(lane)) {
    summaries.push(...some.filter(({ first, last }) => last >= range.from && first < range.to));
  }
  summaries.sort((a, b) => a.first - b.first);
  for (const window of windowsOf(summaries, range, windowLength)) {
    const times = await landedWithin(receipts, summaries, window);
    if (times.size > 0) yield await compare(times, requestIds);
  }
}

/** Cuts the range where so many receipts have gathered; what happens to span a cut is looked at twice. */
function* windowsOf(
  summaries: readonly ReceiptsSummary[],
  { from, to }: TimeRange,
  windowLength: number,
): Generator<TimeRange> {
  let start = from;
  let gathered = 0;
  for (const { first, count } of summaries) {
    if (gathered >= windowLength && first > start) {
      yield { from: start, to: first };
      start = first;
      gathered = 0;
    }
    gathered += count;
  }
  yield { from: start, to };
}

/** Request ids to their timestamps. Receipts that have had their time since they were listed are left out. */
async function landedWithin(
  receipts: Receipts,
  summaries: readonly ReceiptsSummary[],
  { from, to }: TimeRange,
): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const { id, first, last } of summaries) {
    if (last < from || first >= to) continue;
    for (const { requestId, timestamp } of (await receipts.get(id))?.receipts ?? []) {
      if (timestamp >= from && timestamp < to) times.set(requestId, timestamp);
    }
  }
  return times;
}

async function compare(times: Map<string, number>, requestIds: RequestIds): Promise<Reconciliation> {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const timestamp of times.values()) {
    first = Math.min(first, timestamp);
    last = Math.max(last, timestamp);
  }
  const missing = new Set(times.keys());
  const doubled = new Map<string, number>();
  let withoutReceipt = 0;
  for await (const ids of requestIds({ from: first, to: after(last) })) {
    for (const id of ids) {
      if (missing.delete(id)) continue;
      if (times.has(id)) doubled.set(id, (doubled.get(id) ?? 1) + 1);
      else withoutReceipt++;
    }
  }
  return { first, last, receipts: times.size, missing: [...missing], doubled, withoutReceipt };
}

/** The next number: a range leaves out its end. */
function after(timestamp: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, timestamp);
  bits.setBigUint64(0, bits.getBigUint64(0) + 1n);
  return bits.getFloat64(0);
}
