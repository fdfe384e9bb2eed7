import { createHash, randomBytes, randomInt, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import {
  type Discard,
  instructionOf,
  type LaneId,
  laneId,
  type SealedBatch,
  type Spool,
  type SpoolRecord,
  type StoredRecord,
} from '../../core/index.js';
import type { Claim } from './claim.js';

/** Makes another view of one spool, as another process would have one. Not opened yet. */
export type SpoolView = () => Spool;

/** Makes a new, empty spool, and gives the way to open views of it. */
export type SpoolMaker = () => Promise<SpoolView> | SpoolView;

const plenty = { rows: 1_000_000, bytes: 1_000_000_000 } as const;
const lane = laneId('835212', 'warehouse');
const other = laneId('835212', 'lake');

/** What every spool must hold to, as far as one process can see it. Kills are up to each spool's own tests. */
export function spoolClaims(make: SpoolMaker): Claim[] {
  const claim = (
    name: string,
    prove: (spool: Spool, open: () => Promise<Spool>) => Promise<void>,
  ): Claim => ({
    name,
    run: async () => {
      const view = await make();
      const opened: Spool[] = [];
      const open = async () => {
        const spool = view();
        opened.push(spool);
        await spool.open(AbortSignal.timeout(20_000));
        return spool;
      };
      try {
        const spool = await open();
        await spool.claim(AbortSignal.timeout(20_000));
        await prove(spool, open);
      } finally {
        for (const spool of opened.reverse()) await spool.close();
      }
    },
  });

  return [
    claim('is empty when it is new', async (spool) => {
      expect(await spool.pending()).to.deep.equal([]);
      expect(await spool.read(lane, plenty)).to.deep.equal([]);
      expect(await spool.sealed(lane)).to.equal(undefined);
      expect(await spool.depth(lane)).to.deep.equal({ records: 0, bytes: 0 });
      expect(await spool.dead({})).to.deep.equal([]);
      expect([...(await spool.deadCounts())]).to.deep.equal([]);
      expect(await spool.discards(10)).to.deep.equal([]);
      expect(await spool.discardCounts()).to.deep.equal([]);
      await spool.check(AbortSignal.timeout(5_000));
    }),

    claim('gives back a record exactly as it was appended', async (spool) => {
      const record = makeRecord({
        timestamp: 1577015690.3118637,
        body: Buffer.from('{"a":"é\\u0000","b":[1,2]}'),
      });
      await spool.append([lane], record);
      const [read] = await spool.read(lane, plenty);
      expect(plain(read)).to.deep.equal(plain(record));
      expect(read?.authenticated).to.equal(false);
    }),

    claim('keeps bodies of 1 byte and of 10 MiB byte for byte', async (spool) => {
      const records = [Buffer.from('1'), randomBytes(10 * 1024 * 1024), Buffer.from('2')].map((body, index) =>
        makeRecord({ body, timestamp: index }),
      );
      for (const record of records) await spool.append([lane], record);
      const rows = await spool.read(lane, plenty);
      expect(rows.map(plain)).to.deep.equal(records.map(plain));
      const batch = await spool.seal(lane, rows, []);
      expect(batch?.bytes).to.equal(10 * 1024 * 1024 + 2);
      expect((await spool.sealed(lane))?.rows.map(plain)).to.deep.equal(records.map(plain));
    }),

    claim('hands out bodies that later calls do not change', async (spool) => {
      const records = await fill(spool, lane, 50);
      const rows = await spool.read(lane, plenty);
      await fill(spool, lane, 200);
      await spool.read(lane, plenty);
      await settleAll(spool, lane);
      expect(rows.map(plain)).to.deep.equal(records.map(plain));
    }),

    claim('appends a record to two lanes, and settles it in one without the other', async (spool) => {
      const record = makeRecord();
      await spool.append([lane, other], record);
      expect((await spool.pending()).sort()).to.deep.equal([lane, other].sort());
      await settleAll(spool, lane);
      expect(await spool.pending()).to.deep.equal([other]);
      expect((await spool.read(other, plenty)).map(plain)).to.deep.equal([plain(record)]);
    }),

    claim('keeps lanes apart whose names begin alike', async (spool) => {
      const lanes = ['83521/warehouse', '835212/w', '835212/warehouse', '8352120/warehouse'] as LaneId[];
      for (const each of lanes) await fill(spool, each, 3);
      expect((await spool.pending()).sort()).to.deep.equal([...lanes].sort());
      for (const each of lanes) expect((await spool.depth(each)).records).to.equal(3);
      await settleAll(spool, lane);
      for (const each of lanes) expect((await spool.depth(each)).records).to.equal(each === lane ? 0 : 3);
    }),

    claim('reads in the order of its appends, and changes nothing by reading', async (spool) => {
      const records = await fill(spool, lane, 300);
      const first = await spool.read(lane, plenty);
      expect(ids(first)).to.deep.equal(ids(records));
      expect(ids(await spool.read(lane, plenty))).to.deep.equal(ids(records));
      expect((await spool.depth(lane)).records).to.equal(300);
    }),

    claim('reads no more rows and bytes than the limits, but one record however large', async (spool) => {
      const bodies = [10, 10, 10, 1000, 10].map((size) => Buffer.alloc(size, '1'));
      const records = bodies.map((body, index) => makeRecord({ body, timestamp: index }));
      for (const record of records) await spool.append([lane], record);
      expect(await spool.read(lane, { rows: 2, bytes: 1_000_000 })).to.have.length(2);
      expect(await spool.read(lane, { rows: 100, bytes: 20 })).to.have.length(2);
      expect(await spool.read(lane, { rows: 100, bytes: 29 })).to.have.length(2);
      expect(await spool.read(lane, { rows: 100, bytes: 1 })).to.have.length(1);
      await spool.seal(lane, await spool.read(lane, { rows: 3, bytes: 1000 }), []);
      expect(ids(await spool.read(lane, { rows: 100, bytes: 500 }))).to.deep.equal(ids(records.slice(3, 4)));
    }),

    claim('keeps a sealed batch the same under its id, until it is settled', async (spool, open) => {
      const records = await fill(spool, lane, 20);
      const batch = await sealNext(spool, lane, 10);
      expect(batch.id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(batch.bytes).to.equal(sum(batch.rows));
      await fill(spool, lane, 10);
      expectSameBatch(await spool.sealed(lane), batch);
      await spool.close();
      const again = await open();
      expectSameBatch(await again.sealed(lane), batch);
      expect(ids(await again.read(lane, { rows: 10, bytes: 1e9 }))).to.deep.equal(ids(records.slice(10)));
    }),

    claim('seals what one read returned, and reads on behind it', async (spool) => {
      const records = await fill(spool, lane, 25);
      const batches = [];
      for (let round = 0; round < 3; round++) batches.push(await sealNext(spool, lane, 10));
      expect(batches.map((batch) => batch.rows.length)).to.deep.equal([10, 10, 5]);
      expect(batches.flatMap(({ rows }) => ids(rows))).to.deep.equal(ids(records));
      expect(await spool.read(lane, plenty)).to.deep.equal([]);
      expect(new Set(batches.map(({ id }) => id)).size).to.equal(3);
      for (const batch of batches) {
        expectSameBatch(await spool.sealed(lane), batch);
        await spool.settle(batch, 'landed');
      }
      expect(await spool.sealed(lane)).to.equal(undefined);
      expect(await spool.pending()).to.deep.equal([]);
    }),

    claim('settles batches out of their order without a trace of the others', async (spool) => {
      await fill(spool, lane, 30);
      const [first, second, third] = [
        await sealNext(spool, lane, 10),
        await sealNext(spool, lane, 10),
        await sealNext(spool, lane, 10),
      ];
      await spool.settle(second, 'landed');
      expectSameBatch(await spool.sealed(lane), first);
      expect(await spool.depth(lane)).to.include({ records: 20, bytes: first.bytes + third.bytes });
      expect(await spool.read(lane, plenty)).to.deep.equal([]);
      await spool.settle(first, 'landed');
      expectSameBatch(await spool.sealed(lane), third);
    }),

    claim(
      'neither skips nor settles unread a record of another view that comes late',
      async (spool, open) => {
        const late = await open();
        const [early] = await fill(late, lane, 1);
        await fill(spool, lane, 10);
        const read = await spool.read(lane, plenty);
        const records = [
          makeRecord({ timestamp: (early?.timestamp ?? 0) - 100 }),
          makeRecord({ timestamp: (early?.timestamp ?? 0) + 0.0005 }),
        ];
        await late.append([lane], records[0] ?? makeRecord());
        const batch = await spool.seal(lane, read, []);
        await late.append([lane], records[1] ?? makeRecord());
        expect(ids(batch?.rows ?? [])).to.deep.equal(ids(read));
        if (batch !== undefined) await spool.settle(batch, 'landed');
        expect((await spool.depth(lane)).records).to.equal(2);
        expect(ids(await spool.read(lane, plenty))).to.deep.equal(ids(records));
      },
    ),

    claim('never doubles a row that is given to seal a second time', async (spool) => {
      await fill(spool, lane, 5);
      const rows = await spool.read(lane, plenty);
      const batch = await spool.seal(lane, rows, []);
      expect(await rejection(spool.seal(lane, rows, []))).to.be.instanceOf(Error);
      if (batch !== undefined) await spool.settle(batch, 'landed');
      expect(await rejection(spool.seal(lane, rows, []))).to.be.instanceOf(Error);
      expect(await spool.sealed(lane)).to.equal(undefined);
    }),

    claim('drops, lists and counts what is discarded, and seals the rest exactly', async (spool, open) => {
      const records = await fill(spool, lane, 12);
      const rows = await spool.read(lane, plenty);
      const isBad = (_: unknown, index: number) => index % 3 === 1;
      const bad = rows.filter(isBad);
      const good = rows.filter((row, index) => !isBad(row, index));
      const discarded: Discard[] = bad.map((record, index) => ({
        record,
        reason: index === 0 ? 'unknown key' : 'wrong token',
      }));
      const batch = await spool.seal(lane, good, discarded);
      expect(ids(batch?.rows ?? [])).to.deep.equal(ids(good));
      const expected = {
        records: 8,
        bytes: sum(good),
        oldest: Math.min(...good.map((row) => row.timestamp)),
      };
      expect(await spool.depth(lane)).to.deep.equal(expected);
      await spool.close();
      const again = await open();
      expect(await again.depth(lane)).to.deep.equal(expected);
      expect(ids((await again.sealed(lane))?.rows ?? [])).to.deep.equal(ids(good));
      expect(await again.read(lane, plenty)).to.deep.equal([]);
      const entries = await again.discards(10);
      expect(entries.map(({ requestId }) => requestId)).to.deep.equal(ids(bad).reverse());
      const [newest] = entries;
      const source = records.filter(isBad).at(-1);
      expect(newest).to.deep.equal({
        requestId: source?.requestId,
        timestamp: source?.timestamp,
        lane,
        key: source?.key,
        reason: 'wrong token',
      });
      expect((await again.discards(2)).length).to.equal(2);
      expect(await again.discardCounts()).to.have.deep.members([
        { lane, reason: 'unknown key', count: 1 },
        { lane, reason: 'wrong token', count: 3 },
      ]);
    }),

    claim('makes no batch when everything is discarded, and still notes it durably', async (spool, open) => {
      await fill(spool, lane, 5);
      const rows = await spool.read(lane, plenty);
      const batch = await spool.seal(
        lane,
        [],
        rows.map((record) => ({ record, reason: 'deactivated token' })),
      );
      expect(batch).to.equal(undefined);
      expect(await spool.pending()).to.deep.equal([]);
      expect(await spool.depth(lane)).to.deep.equal({ records: 0, bytes: 0 });
      await fill(spool, lane, 1);
      const [row] = await spool.read(lane, plenty);
      if (row !== undefined) await spool.seal(lane, [], [{ record: row, reason: 'deactivated token' }]);
      await spool.close();
      const again = await open();
      expect(await again.discards(100)).to.have.length(6);
      expect(await again.discardCounts()).to.deep.equal([{ lane, reason: 'deactivated token', count: 6 }]);
    }),

    claim(
      'replays a batch in the order in which seal returned it, also where times run backwards',
      async (spool) => {
        for (const timestamp of [5, 1, 4, 2, 8, 3, 7]) await spool.append([lane], makeRecord({ timestamp }));
        const view = await spool.read(lane, plenty);
        const rows = view.filter((_, index) => index !== 0 && index !== 4);
        const discarded = [0, 4].flatMap((index) => view[index] ?? []);
        const batch = await spool.seal(
          lane,
          rows,
          discarded.map((record) => ({ record, reason: 'wrong token' })),
        );
        expect(ids(batch?.rows ?? []).sort()).to.deep.equal(ids(rows).sort());
        expect(ids((await spool.sealed(lane))?.rows ?? [])).to.deep.equal(ids(batch?.rows ?? []));
      },
    ),

    claim('splits a batch into two halves under new ids, in its place and order', async (spool) => {
      const records = await fill(spool, lane, 12);
      const whole = await sealNext(spool, lane, 7);
      const later = await sealNext(spool, lane, 5);
      await spool.split(whole);
      const first = await spool.sealed(lane);
      if (first === undefined) throw new Error('nothing is sealed');
      expect(first.rows).to.have.length(4);
      await spool.split(first);
      const parts = [];
      for (let part = await spool.sealed(lane); part !== undefined; part = await spool.sealed(lane)) {
        parts.push(part);
        await spool.settle(part, 'landed');
      }
      expect(parts.map(({ rows }) => rows.length)).to.deep.equal([2, 2, 3, 5]);
      expect(parts.flatMap(({ rows }) => ids(rows))).to.deep.equal(ids(records));
      expect(parts.at(-1)?.id).to.equal(later.id);
      expect(parts.every(({ rows, bytes }) => bytes === sum(rows))).to.equal(true);
      expect(new Set([whole.id, first.id, ...parts.map(({ id }) => id)]).size).to.equal(6);
    }),

    claim('splits a batch of thousands down to single rows, with discards in it', async (spool) => {
      await fill(spool, lane, 1030);
      const read = await spool.read(lane, plenty);
      const rows = read.filter((_, index) => index % 100 !== 7);
      const discarded = read.filter((_, index) => index % 100 === 7);
      await spool.seal(
        lane,
        rows,
        discarded.map((record) => ({ record, reason: 'wrong token' })),
      );
      const seen: string[] = [];
      let splits = 0;
      for (
        let part = await spool.sealed(lane);
        part !== undefined && splits < 10;
        part = await spool.sealed(lane)
      ) {
        if (part.rows.length === 1) break;
        await spool.split(part);
        splits++;
      }
      expect((await spool.depth(lane)).records).to.equal(rows.length);
      for (let part = await spool.sealed(lane); part !== undefined; part = await spool.sealed(lane)) {
        seen.push(...ids(part.rows));
        await spool.settle(part, 'landed');
      }
      expect(seen).to.deep.equal(ids(rows));
    }),

    claim('tells the depth exactly, sealed or not', async (spool) => {
      const records = await fill(spool, lane, 40);
      const oldest = Math.min(...records.map(({ timestamp }) => timestamp));
      expect(await spool.depth(lane)).to.deep.equal({ records: 40, bytes: sum(records), oldest });
      const batch = await sealNext(spool, lane, 15);
      expect(await spool.depth(lane)).to.deep.equal({ records: 40, bytes: sum(records), oldest });
      await spool.split(batch);
      expect(await spool.depth(lane)).to.deep.equal({ records: 40, bytes: sum(records), oldest });
      const half = await spool.sealed(lane);
      if (half !== undefined) await spool.settle(half, 'landed');
      const rest = records.slice(8);
      expect(await spool.depth(lane)).to.deep.equal({
        records: 32,
        bytes: sum(rest),
        oldest: Math.min(...rest.map(({ timestamp }) => timestamp)),
      });
      await settleAll(spool, lane);
      expect(await spool.depth(lane)).to.deep.equal({ records: 0, bytes: 0 });
    }),

    claim('keeps a row that died, with its body and the reason, and counts it', async (spool, open) => {
      const [record] = await fill(spool, lane, 1);
      const before = Date.now();
      await spool.settle(await sealNext(spool, lane, 1), { reason: 'invalid JSON for this column' });
      expect(await spool.pending()).to.deep.equal([]);
      await spool.close();
      const again = await open();
      const [letter, ...more] = await again.dead({});
      expect(more).to.deep.equal([]);
      expect(letter).to.include({
        lane,
        reason: 'invalid JSON for this column',
        requestId: record?.requestId,
      });
      expect(Buffer.from(letter?.body ?? []).equals(record?.body ?? Buffer.of())).to.equal(true);
      expect(letter?.timestamp).to.equal(record?.timestamp);
      expect(letter?.key).to.equal(record?.key);
      expect(letter?.diedAt.getTime()).to.be.within(before - 1, Date.now() + 1);
      expect([...(await again.deadCounts())]).to.deep.equal([[lane, 1]]);
    }),

    claim('lets no batch of two rows die, and keeps it', async (spool) => {
      await fill(spool, lane, 2);
      const batch = await sealNext(spool, lane, 2);
      expect(await rejection(spool.settle(batch, { reason: 'no' }))).to.be.instanceOf(Error);
      expectSameBatch(await spool.sealed(lane), batch);
      expect(await spool.dead({})).to.deep.equal([]);
    }),

    claim(
      'lists dead letters oldest death first, by lane, pipeline, destination, request and limit',
      async (spool) => {
        const lanes = [lane, other, laneId('8352120', 'warehouse'), laneId('7', 'lake')];
        const died: { lane: LaneId; requestId: string }[] = [];
        for (const each of [...lanes, ...lanes]) {
          const [record] = await fill(spool, each, 1);
          await spool.settle(await sealNext(spool, each, 1), { reason: 'no' });
          died.push({ lane: each, requestId: record?.requestId ?? '' });
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
        const listed = async (filter: Parameters<Spool['dead']>[0]) =>
          (await spool.dead(filter)).map(({ lane, requestId }) => ({ lane, requestId }));
        expect(await listed({})).to.deep.equal(died);
        expect(await listed({ limit: 3 })).to.deep.equal(died.slice(0, 3));
        expect(await listed({ pipeline: '835212' })).to.deep.equal(
          died.filter((each) => each.lane === lane || each.lane === other),
        );
        expect(await listed({ destination: 'lake' })).to.deep.equal(
          died.filter((each) => each.lane.endsWith('/lake')),
        );
        expect(await listed({ pipeline: '7', destination: 'lake' })).to.deep.equal(
          died.filter((each) => each.lane === '7/lake'),
        );
        expect(await listed({ requestId: died[5]?.requestId ?? '' })).to.deep.equal(died.slice(5, 6));
        expect(await listed({ pipeline: '83521' })).to.deep.equal([]);
        expect([...(await spool.deadCounts())].sort()).to.deep.equal(lanes.map((each) => [each, 2]).sort());
      },
    ),

    claim('revives a dead letter once, as authenticated, with its id, time and body', async (spool, open) => {
      const [record] = await fill(spool, lane, 1);
      await spool.settle(await sealNext(spool, lane, 1), { reason: 'no' });
      const second = await open();
      const [letter] = await spool.dead({});
      if (letter === undefined) throw new Error('nothing died');
      const revived = await Promise.all([spool.revive(letter), second.revive(letter)]);
      expect(revived.filter(Boolean)).to.have.length(1);
      expect(await spool.revive(letter)).to.equal(false);
      expect(await spool.drop(letter)).to.equal(false);
      expect(await spool.dead({})).to.deep.equal([]);
      const rows = await spool.read(lane, plenty);
      expect(rows.map(plain)).to.deep.equal(record === undefined ? [] : [plain(record)]);
      expect(rows[0]?.authenticated).to.equal(true);
      expect(await spool.depth(lane)).to.deep.equal({
        records: 1,
        bytes: record?.body.length,
        oldest: record?.timestamp,
      });
      await settleAll(spool, lane);
      expect(await spool.pending()).to.deep.equal([]);
    }),

    claim('revives many while it appends, and loses or doubles none', async (spool) => {
      const dying = await fill(spool, lane, 20);
      await spool.settle(await sealNext(spool, lane, 1), { reason: 'no' });
      for (let left = 19; left > 0; left--)
        await spool.settle(await sealNext(spool, lane, 1), { reason: 'no' });
      const letters = await spool.dead({});
      const [revived, appended] = await Promise.all([
        Promise.all(letters.map((letter) => spool.revive(letter))),
        fill(spool, lane, 100),
      ]);
      expect(revived.every(Boolean)).to.equal(true);
      expect((await spool.depth(lane)).records).to.equal(120);
      const landed = await settleAll(spool, lane);
      expect(landed.sort()).to.deep.equal([...ids(dying), ...ids(appended)].sort());
    }),

    claim('drops a dead letter once', async (spool) => {
      await fill(spool, lane, 1);
      await spool.settle(await sealNext(spool, lane, 1), { reason: 'no' });
      const [letter] = await spool.dead({});
      if (letter === undefined) throw new Error('nothing died');
      expect(await spool.drop(letter)).to.equal(true);
      expect(await spool.drop(letter)).to.equal(false);
      expect(await spool.revive(letter)).to.equal(false);
      expect(await spool.pending()).to.deep.equal([]);
    }),

    claim('fences whoever held the claim before, and nothing of its calls happens', async (spool, open) => {
      await fill(spool, lane, 20);
      const batch = await sealNext(spool, lane, 10);
      const rows = await spool.read(lane, plenty);
      const second = await open();
      await second.claim(AbortSignal.timeout(20_000));
      const discarded: Discard[] = rows.slice(5).map((record) => ({ record, reason: 'wrong token' }));
      expect(instructionOf(await rejection(spool.seal(lane, rows.slice(0, 5), discarded)))).to.equal(
        'fenced',
      );
      expect(instructionOf(await rejection(spool.split(batch)))).to.equal('fenced');
      expect(instructionOf(await rejection(spool.settle(batch, 'landed')))).to.equal('fenced');
      expectSameBatch(await second.sealed(lane), batch);
      expect(ids(await second.read(lane, plenty))).to.deep.equal(ids(rows));
      expect(await second.discards(10)).to.deep.equal([]);
      expect((await second.depth(lane)).records).to.equal(20);
      await second.settle(batch, 'landed');
      expect(instructionOf(await rejection(spool.settle(batch, 'landed')))).to.equal('fenced');
      await spool.append([lane], makeRecord());
      expect((await second.depth(lane)).records).to.equal(11);
    }),

    claim('refuses to seal, split or settle without a claim', async (spool, open) => {
      const unclaimed = await open();
      await fill(spool, lane, 2);
      const rows = await unclaimed.read(lane, plenty);
      expect(instructionOf(await rejection(unclaimed.seal(lane, rows, [])))).to.equal('fenced');
      const batch = await sealNext(spool, lane, 2);
      expect(instructionOf(await rejection(unclaimed.settle(batch, 'landed')))).to.equal('fenced');
      expect(instructionOf(await rejection(unclaimed.split(batch)))).to.equal('fenced');
    }),

    claim('settles again what is settled already without harm', async (spool) => {
      await fill(spool, lane, 3);
      const batch = await sealNext(spool, lane, 2);
      await spool.settle(batch, 'landed');
      await spool.settle(batch, 'landed');
      expect((await spool.depth(lane)).records).to.equal(1);
    }),

    claim(
      'skips nothing and doubles nothing while several views append and one loads',
      async (spool, open) => {
        const writers = [spool, await open(), await open()];
        const appended: string[] = [];
        let writing = true;
        const append = async (writer: Spool) => {
          for (let round = 0; round < 40; round++) {
            appended.push(...ids(await fill(writer, lane, randomInt(1, 30))));
            await new Promise((resolve) => setTimeout(resolve, randomInt(0, 3)));
          }
        };
        const done = Promise.all(writers.map(append)).finally(() => {
          writing = false;
        });
        const landed: string[] = [];
        while (writing) {
          landed.push(...(await settleAll(spool, lane, 97)));
          await new Promise((resolve) => setImmediate(resolve));
        }
        await done;
        landed.push(...(await settleAll(spool, lane, 97)));
        expect(landed.length).to.equal(appended.length);
        expect(landed.sort()).to.deep.equal(appended.sort());
        expect(await spool.depth(lane)).to.deep.equal({ records: 0, bytes: 0 });
      },
    ),

    claim('can be closed twice, and takes no append after it', async (spool, open) => {
      const waiting = spool.append([lane], makeRecord());
      await spool.close();
      await waiting;
      await spool.close();
      expect(instructionOf(await rejection(spool.append([lane], makeRecord())))).to.equal('overloaded');
      expect((await (await open()).depth(lane)).records).to.equal(1);
    }),
  ];
}

const letters = 'abcdefghijklmnopqrstuvwxyz';
let clock = 1_577_015_690;

/** A record like the ack path's, each a little younger than the one before. */
export function makeRecord(over: Partial<SpoolRecord> = {}): SpoolRecord {
  const requestId = Array.from(randomBytes(20), (byte) => letters[byte % 26]).join('');
  clock += 0.001;
  return {
    requestId,
    timestamp: clock,
    key: randomUUID(),
    body: Buffer.from(JSON.stringify({ requestId, filler: 'x'.repeat(randomInt(0, 600)) })),
    tokenDigest: new Uint8Array(createHash('sha256').update(requestId).digest()),
    ...over,
  };
}

/** Appends that many records, all in flight at once. */
export async function fill(spool: Spool, lane: LaneId, count: number): Promise<SpoolRecord[]> {
  const records = Array.from({ length: count }, () => makeRecord());
  await Promise.all(records.map((record) => spool.append([lane], record)));
  return records;
}

export async function sealNext(spool: Spool, lane: LaneId, rows: number): Promise<SealedBatch> {
  const batch = await spool.seal(lane, await spool.read(lane, { ...plenty, rows }), []);
  if (batch === undefined) throw new Error('there was nothing to seal');
  return batch;
}

/** Loads what is there as the engine does, batch by batch; gives the request ids in order. */
export async function settleAll(spool: Spool, lane: LaneId, rows = 1000): Promise<string[]> {
  const landed: string[] = [];
  for (;;) {
    let batch = await spool.sealed(lane);
    if (batch === undefined) {
      const read = await spool.read(lane, { ...plenty, rows });
      if (read.length === 0) return landed;
      batch = await spool.seal(lane, read, []);
    }
    if (batch === undefined) continue;
    landed.push(...ids(batch.rows));
    await spool.settle(batch, 'landed');
  }
}

export function ids(records: readonly { readonly requestId: string }[]): string[] {
  return records.map(({ requestId }) => requestId);
}

function sum(records: readonly SpoolRecord[]): number {
  return records.reduce((bytes, { body }) => bytes + body.length, 0);
}

/** A record's content in a form that compares quickly and fails readably. */
function plain(record: SpoolRecord | StoredRecord | undefined) {
  if (record === undefined) return undefined;
  return {
    requestId: record.requestId,
    timestamp: record.timestamp,
    key: record.key,
    digest: Buffer.from(record.tokenDigest).toString('hex'),
    length: record.body.length,
    body: createHash('sha256').update(record.body).digest('hex'),
  };
}

function expectSameBatch(found: SealedBatch | undefined, batch: SealedBatch): void {
  expect(found?.id).to.equal(batch.id);
  expect(found?.lane).to.equal(batch.lane);
  expect(found?.bytes).to.equal(batch.bytes);
  expect(found?.rows.map(plain)).to.deep.equal(batch.rows.map(plain));
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
