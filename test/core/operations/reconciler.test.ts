import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import lmdb from '../../../connectors/lmdb/index.js';
import { instantiate, pluginOf } from '../../../core/conformance/instantiate.js';
import { fill, ids, lane, other, plenty, sealNext } from '../../../core/conformance/spool/records.js';
import type { TimeRange } from '../../../core/contract/destination.js';
import type { Receipts } from '../../../core/contract/receipts.js';
import type { LaneId, Spool, SpoolRecord } from '../../../core/contract/spool.js';
import { type Reconciliation, reconcile } from '../../../core/operations/reconciler.js';

const always = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

describe('a reconciliation', () => {
  let folder: string;
  let spool: Spool;
  let receipts: Receipts;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-reconciler-'));
    spool = instantiate(pluginOf(lmdb, 'spool', 'lmdb'), { path: folder }, 'spool');
    await spool.open(AbortSignal.timeout(5000));
    await spool.claim(AbortSignal.timeout(5000));
    if (spool.receipts === undefined) throw new Error('the embedded spool has receipts');
    receipts = spool.receipts;
    receipts.keep(86_400_000);
  });

  afterEach(async () => {
    await spool.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function land(lane: LaneId, count: number): Promise<SpoolRecord[]> {
    const records = await fill(spool, lane, count);
    while ((await spool.depth(lane)).records > 0) {
      await spool.settle(await sealNext(spool, lane, plenty.rows), 'landed');
    }
    return records;
  }

  /** What a warehouse with these rows answers; it notes what it was asked. */
  function warehouse(rows: readonly SpoolRecord[], asked: TimeRange[] = []) {
    return async function* (_table: string, { from, to }: TimeRange) {
      asked.push({ from, to });
      const found = ids(rows.filter(({ timestamp }) => timestamp >= from && timestamp < to));
      for (let start = 0; start < found.length; start += 1000) yield found.slice(start, start + 1000);
    };
  }

  async function compare(
    rows: readonly SpoolRecord[],
    range: TimeRange = always,
    windowLength?: number,
  ): Promise<Reconciliation[]> {
    const parts: Reconciliation[] = [];
    const options = { range, ...(windowLength !== undefined && { windowLength }) };
    for await (const part of reconcile(receipts, lane, 'now', warehouse(rows), options)) parts.push(part);
    return parts;
  }

  it('finds nothing where all is there once', async () => {
    const records = await land(lane, 2500);
    const [part, ...more] = await compare(records);
    expect(more).to.deep.equal([]);
    expect(part).to.deep.equal({
      table: 'now',
      first: records[0]?.timestamp,
      last: records.at(-1)?.timestamp,
      receipts: 2500,
      missing: [],
      doubled: new Map(),
      withoutReceipt: 0,
    });
  });

  it('names what is missing and what is there more than once, and counts what it does not know', async () => {
    const records = await land(lane, 20);
    const [first, second, third] = records as [SpoolRecord, SpoolRecord, SpoolRecord];
    const elsewhere = await land(other, 1);
    const unknown = { ...(elsewhere[0] as SpoolRecord), timestamp: second.timestamp };
    const [part] = await compare([
      ...records.filter((record) => record !== first),
      second,
      third,
      third,
      unknown,
    ]);
    expect(part?.missing).to.deep.equal([first.requestId]);
    expect([...(part?.doubled ?? [])]).to.deep.equal([
      [second.requestId, 2],
      [third.requestId, 3],
    ]);
    expect(part?.withoutReceipt).to.equal(1);
  });

  it('has each receipt once, however the time is cut, and what died and landed days later', async () => {
    const records: SpoolRecord[] = [];
    for (let batch = 0; batch < 10; batch++) records.push(...(await land(lane, 100)));
    // As a replay leaves it: one batch with times from all over.
    const late = records.map(({ timestamp }, at) => ({ at, timestamp }));
    const old = await Promise.all(
      late
        .filter(({ at }) => at % 100 === 50)
        .map(async ({ timestamp }) => {
          const [record] = await fill(spool, other, 1);
          const replayed = { ...(record as SpoolRecord), timestamp: timestamp + 0.0001 };
          await spool.append([lane], replayed);
          return replayed;
        }),
    );
    await spool.settle(await sealNext(spool, lane, plenty.rows), 'landed');
    const all = [...records, ...old];
    for (const windowLength of [1, 100, 250, 1e6]) {
      const parts = await compare(all.slice(1), always, windowLength);
      expect(parts.length > 1, `${windowLength}`).to.equal(windowLength < 1000);
      expect(
        parts.reduce((sum, part) => sum + part.receipts, 0),
        `${windowLength}`,
      ).to.equal(all.length);
      expect(parts.flatMap(({ missing }) => missing)).to.deep.equal([all[0]?.requestId]);
      expect(parts.every(({ doubled, withoutReceipt }) => doubled.size + withoutReceipt === 0)).to.equal(
        true,
      );
    }
  });

  it('looks at the range that it was given, and asks the warehouse for no more', async () => {
    const records = await land(lane, 100);
    const [from, to] = [records[10]?.timestamp ?? 0, records[20]?.timestamp ?? 0];
    const [part] = await compare([], { from, to });
    expect(part?.missing).to.have.members(ids(records.slice(10, 20)));
    const asked: TimeRange[] = [];
    const options = { range: { from, to } };
    for await (const _ of reconcile(receipts, lane, 'now', warehouse(records, asked), options));
    expect(asked).to.have.length(1);
    expect(asked[0]?.from).to.equal(from);
    expect(asked[0]?.to).to.be.within(records[19]?.timestamp ?? 0, to);
  });

  it('has nothing to tell of a lane without receipts', async () => {
    await land(other, 5);
    expect(await compare([])).to.deep.equal([]);
  });
});
