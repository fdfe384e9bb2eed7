import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Environment } from '../../../connectors/lmdb/environment.js';
import { Page } from '../../../connectors/lmdb/page.js';
import {
  encodeRecord,
  newEntry,
  positionOf,
  RecordReader,
  type StoredEntry,
} from '../../../connectors/lmdb/record.js';
import { Records } from '../../../connectors/lmdb/records.js';
import { laneId, type StoredRecord } from '../../../core/index.js';
import { seed, sized } from '../../support/attack.js';
import { Random } from '../../support/random.js';

const random = new Random(seed);
const letters = 'abcdefghijklmnopqrstuvwxyz';

/** Of one of a few senders, with a body of any length, mostly short. */
function someEntry(longest: number): StoredEntry {
  const sender = random.below(3);
  return newEntry({
    requestId: Array.from({ length: 20 }, () => random.of([...letters])).join(''),
    timestamp: 1_700_000_000 + random.below(1_000_000) / 8,
    key: `00000000-0000-4000-8000-00000000000${sender}`,
    tokenDigest: createHash('sha256')
      .update(String(sender + random.below(2)))
      .digest(),
    body: Buffer.alloc(random.chance(0.05) ? random.below(longest) : random.below(700), letters),
  });
}

describe('a page of records', () => {
  const entries = Array.from({ length: 5 }, () => encodeRecord(someEntry(2000)));
  entries.splice(2, 0, Buffer.alloc(0));

  it('gives each entry back, and knows which is gone', () => {
    const page = new Page(Page.of(entries).bytes);
    expect(page.count).to.equal(6);
    entries.forEach((entry, index) => {
      expect(page.has(index)).to.equal(entry.length > 0);
      expect(page.entry(index).equals(entry)).to.equal(true);
    });
  });

  it('gives all other entries back whichever byte of it is damaged', () => {
    const intact = Page.of(entries).bytes;
    for (let at = 0; at < intact.length; at++) {
      const bytes = Buffer.from(intact);
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      const page = new Page(bytes);
      expect(page.count, `byte ${at}`).to.equal(6);
      const changed = entries.filter((entry, index) => !page.entry(index).equals(entry));
      expect(changed.length, `byte ${at}`).to.be.at.most(1);
    }
  });

  it('gives all other entries back whichever 100 bytes of it are zeros, where they are in one of its tables', () => {
    const intact = Page.of(entries).bytes;
    for (const at of [0, intact.length - 100]) {
      const page = new Page(Buffer.from(intact).fill(0, at, at + 100));
      expect(page.count).to.equal(6);
      expect(entries.filter((entry, index) => !page.entry(index).equals(entry))).to.have.length(1);
    }
  });

  it('gives all entries back where one of its tables begins with zeros, which look like a table of none', () => {
    const intact = Page.of(entries).bytes;
    for (const [from, to] of [
      [1, 7],
      [intact.length - 11, intact.length - 1],
    ] as const) {
      const page = new Page(Buffer.from(intact).fill(0, from, to));
      expect(page.count).to.equal(6);
      for (const [index, entry] of entries.entries()) expect(page.entry(index).equals(entry)).to.equal(true);
    }
  });

  it('is whole until something of its entries is changed, and never again after that', () => {
    const whole = [1, 2, 3, 4].map(() => encodeRecord(someEntry(200)));
    const intact = Page.of(whole);
    expect(intact.isWhole).to.equal(true);
    for (let index = 0; index < 4; index++) {
      for (let at = intact.start(index); at < intact.end(index); at++) {
        const bytes = Buffer.from(intact.bytes);
        bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
        expect(new Page(bytes).isWhole, `byte ${at}`).to.equal(false);
      }
    }
    const bytes = Buffer.from(intact.bytes);
    bytes[intact.end(2) - 1] = 0;
    const rest = new Page(bytes).without((index) => index === 1);
    expect(rest?.page.isWhole, 'written anew').to.equal(false);
    const page = new Page((rest as { page: Page }).page.bytes);
    const damaged = [0, 2, 3].filter(
      (index) =>
        new RecordReader().read(page.bytes, page.start(index), page.end(index), {} as never, page.isWhole)
          .damaged,
    );
    expect(damaged).to.deep.equal([2]);
    expect(intact.without((index) => index === 1)?.page.isWhole).to.equal(true);
  });

  it('is one damaged record where nothing tells its entries apart, whatever is left of it', () => {
    const intact = Page.of(entries).bytes;
    for (const length of [0, 1, 50, 89, 90, 91, 1000]) {
      const bytes = Buffer.from(intact.subarray(50, 50 + length));
      const page = new Page(bytes);
      expect(page.count).to.equal(1);
      const record = new RecordReader().read(bytes, page.start(0), page.end(0), {} as never);
      expect(record.damaged).to.equal(true);
      expect(record.requestId).to.match(/^[ -~?]{20}$/);
    }
  });
});

describe('the records of an LMDB environment', () => {
  let path: string;
  let environment: Environment;
  let records: Records;
  const lane = laneId('1', 'a');
  const others = [laneId('1', 'b'), laneId('10', 'a')];

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'hookline-records-'));
    await Environment.open('spool', path, 2 ** 30, (opened) => {
      environment = opened;
      records = new Records(opened);
    });
  });
  afterEach(async () => {
    await environment.close();
    await rm(path, { recursive: true, force: true });
  });

  const change = async (action: () => void) => {
    await environment.batch(action);
    environment.refresh();
  };
  const idsOf = (found: Iterable<StoredRecord>) => [...found].map(({ requestId }) => requestId);

  it(`are what was put there and not removed, in any ranges, after ${sized(150, 3000)} changes`, async () => {
    const rows = new Map<number, Map<number, StoredEntry>>([0, 7].map((writer) => [writer, new Map()]));
    const sums = new Map<number, Map<number, number>>([0, 7].map((writer) => [writer, new Map()]));
    for (let round = 0; round < sized(150, 3000); round++) {
      const writer = random.of([0, 7]);
      const row = rows.get(writer) as Map<number, StoredEntry>;
      const sum = sums.get(writer) as Map<number, number>;
      const what = random.below(4);
      const [low, high] = [Math.min(...row.keys()), Math.max(...row.keys())];
      if (what < 2 || row.size === 0) {
        await change(() => {
          const end = records.endOf(lane, writer);
          const filling = records.filling(writer);
          let { sequence, cumulative } = end;
          for (let count = random.below(120); count >= 0; count--) {
            const entry = someEntry(40_000);
            sequence++;
            cumulative += entry.body.length;
            row.set(sequence, entry);
            sum.set(sequence, cumulative);
            filling.add(lane, sequence, encodeRecord(entry, cumulative));
          }
          filling.end();
        });
      } else if (what === 2) {
        // What is discarded lies anywhere, what is settled mostly in front.
        const gone = [...row.keys()].filter(() => random.chance(0.2));
        for (const sequence of gone) row.delete(sequence);
        await change(
          records.pages.removing(
            lane,
            gone.map((sequence) => ({ writer, sequence })),
          ),
        );
      } else {
        const from = random.chance(0.5) ? low : low + random.below(high - low + 1);
        const to = from + random.below(high - from + 1);
        for (const sequence of [...row.keys()]) if (sequence >= from && sequence <= to) row.delete(sequence);
        await change(records.pages.removingRange(lane, { writer, from, to }));
      }
      const left = [...row.keys()].sort((a, b) => a - b);
      const label = `SEED=${seed}, round ${round}`;
      const last = left.at(-1);
      expect(records.endOf(lane, writer), label).to.deep.equal({
        sequence: last ?? 0,
        cumulative: last === undefined ? 0 : sum.get(last),
      });
      const from = 1 + random.below((last ?? 0) + 2);
      const to = from + random.below(300);
      const found = [...records.merged(lane, [{ writer, from, to }])];
      const wanted = left.filter((sequence) => sequence >= from && sequence <= to);
      expect(
        found.map((record) => positionOf(record).sequence),
        label,
      ).to.deep.equal(wanted);
      for (const record of found) {
        const { position, ...rest } = record;
        const entry = row.get(positionOf(record).sequence) as StoredEntry;
        expect(rest, label).to.deep.equal({
          ...entry,
          body: Buffer.from(entry.body),
          tokenDigest: new Uint8Array(entry.tokenDigest),
          released: false,
          damaged: false,
        });
      }
      for (let look = 0; look < 5; look++) {
        const sequence = 1 + random.below((last ?? 0) + 3);
        expect(records.get(lane, writer, sequence)?.requestId, label).to.equal(row.get(sequence)?.requestId);
      }
      const extent = records.extent(lane, { writer, from, to: Number.POSITIVE_INFINITY });
      const rest = left.filter((sequence) => sequence >= from);
      const first = rest[0];
      expect(extent, label).to.deep.equal(
        first === undefined || last === undefined
          ? undefined
          : {
              count: last - first + 1,
              bytes:
                (sum.get(last) as number) - (sum.get(first) as number) + (row.get(first)?.body.length ?? 0),
              oldest: row.get(first)?.timestamp,
            },
      );
      expect(records.writers(lane), label).to.deep.equal(
        [0, 7].filter((one) => (rows.get(one)?.size ?? 0) > 0),
      );
    }
  }).timeout(300_000);

  it('are taken out by the hundred thousand', async () => {
    await change(() => records.put(lane, { writer: 0, sequence: 1 }, someEntry(10), 10));
    const positions = Array.from({ length: 300_000 }, (_, index) => ({ writer: 0, sequence: index + 1 }));
    await change(records.pages.removing(lane, positions));
    expect(records.lanes()).to.deep.equal([]);
  });

  it('of one lane are not touched by what is put into others and removed there', async () => {
    const entries = Array.from({ length: 200 }, () => someEntry(700));
    await change(() => {
      const filling = records.filling(0);
      entries.forEach((entry, index) => {
        for (const one of [lane, ...others]) filling.add(one, index + 1, encodeRecord(entry));
      });
      filling.end();
    });
    await change(records.pages.removingRange(lane, { writer: 0, from: 1, to: 200 }));
    await change(records.pages.removing(others[0] as never, [{ writer: 0, sequence: 100 }]));
    expect(records.lanes()).to.deep.equal(others);
    const ids = entries.map(({ requestId }) => requestId);
    const range = { writer: 0, from: 1, to: 1000 };
    expect(idsOf(records.merged(others[1] as never, [range]))).to.deep.equal(ids);
    expect(idsOf(records.merged(others[0] as never, [range]))).to.deep.equal(ids.toSpliced(99, 1));
    const wanted = entries[150] as StoredEntry;
    const found = [...records.find(wanted.requestId)];
    expect(found.map((one) => [one.lane, positionOf(one.record).sequence])).to.deep.equal(
      others.map((one) => [one, 151]),
    );
    expect([...records.find((entries[99] as StoredEntry).requestId)]).to.have.length(1);
  });
});
