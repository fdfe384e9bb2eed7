import type { TableName, TimeRange } from '../contract/destination.js';
import type { Receipts, ReceiptsSummary } from '../contract/receipts.js';
import type { LaneId } from '../contract/spool.js';

const usualWindow = 500_000;

/** What a table was found to hold of a lane's receipts. */
export interface Reconciliation {
  readonly table: TableName;
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

export interface ReconcilerOptions {
  /** Of request timestamps. */
  readonly range: TimeRange;
  /** Forget the receipts of what is missing, as it was deleted on purpose. */
  readonly acknowledge?: boolean;
  /** Receipts that are in memory at a time, about. */
  readonly windowLength?: number;
}

/** The request ids of a table's rows in a range of their timestamps. */
export type RequestIds = (table: TableName, range: TimeRange) => AsyncIterable<readonly string[]>;

/**
 * Compares a lane's receipts with what its table holds, a stretch of time after the other, so that neither has
 * to fit into memory. The receipts are looked at first: a row without one may still be on its way.
 * @param table where the lane lands now, for receipts that do not say where they landed
 */
export async function* reconcile(
  receipts: Receipts,
  lane: LaneId,
  table: TableName,
  requestIds: RequestIds,
  { range, acknowledge = false, windowLength = usualWindow }: ReconcilerOptions,
): AsyncGenerator<Reconciliation> {
  const tables = new Map<TableName, ReceiptsSummary[]>();
  for await (const some of receipts.summaries(lane)) {
    for (const summary of some) {
      if (summary.last < range.from || summary.first >= range.to) continue;
      const landedIn = summary.table ?? table;
      const known = tables.get(landedIn);
      if (known === undefined) tables.set(landedIn, [summary]);
      else known.push(summary);
    }
  }
  for (const [landedIn, summaries] of tables) {
    summaries.sort((a, b) => a.first - b.first);
    for (const window of windowsOf(summaries, range, windowLength)) {
      const times = await landedWithin(receipts, summaries, window);
      if (times.size === 0) continue;
      const part = await compare(landedIn, times, requestIds);
      if (acknowledge) await forget(receipts, summaries, part);
      yield part;
    }
  }
}

async function forget(
  receipts: Receipts,
  summaries: readonly ReceiptsSummary[],
  { first, last, missing }: Reconciliation,
): Promise<void> {
  if (missing.length === 0) return;
  const gone = new Set(missing);
  for (const summary of summaries) {
    if (summary.last >= first && summary.first <= last) await receipts.forget(summary.id, gone);
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

async function compare(
  table: TableName,
  times: Map<string, number>,
  requestIds: RequestIds,
): Promise<Reconciliation> {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const timestamp of times.values()) {
    first = Math.min(first, timestamp);
    last = Math.max(last, timestamp);
  }
  const missing = new Set(times.keys());
  const doubled = new Map<string, number>();
  let withoutReceipt = 0;
  for await (const ids of requestIds(table, { from: first, to: after(last) })) {
    for (const id of ids) {
      if (missing.delete(id)) continue;
      if (times.has(id)) doubled.set(id, (doubled.get(id) ?? 1) + 1);
      else withoutReceipt++;
    }
  }
  return { table, first, last, receipts: times.size, missing: [...missing], doubled, withoutReceipt };
}

/** The next number: a range leaves out its end. */
function after(timestamp: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, timestamp);
  bits.setBigUint64(0, bits.getBigUint64(0) + 1n);
  return bits.getFloat64(0);
}
