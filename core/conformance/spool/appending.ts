import { randomBytes, randomInt } from 'node:crypto';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { LaneId, Spool } from '../../contract/spool.js';
import type { Claim } from '../claim.js';
import { refusedAs, same, that } from '../proof.js';
import { fill, ids, lane, makeRecord, other, plenty, sealNext, settleAll, sum } from './records.js';
import {
  expectDepth,
  expectPending,
  expectRead,
  expectRecords,
  expectSameRecords,
  type SpoolClaim,
} from './stage.js';

const appending = 'append keeps the record, exactly as it is, in each of its lanes and in no other';
const reading =
  'read gives the oldest records that are not sealed, within its limits but one at least, and changes nothing';
const measuring = 'depth counts the records, the bytes and the age of all that is not settled, sealed or not';
const several = 'several views append at once while one loads: nothing is skipped, nothing doubled';

export function appendingClaims(claim: SpoolClaim): Claim[] {
  return [
    claim('is empty when it is new', 'a new spool holds nothing, and takes appends', async ({ spool }) => {
      await expectPending(spool, []);
      await expectRead(spool, lane, []);
      same('the sealed batch', await spool.sealed(lane), undefined);
      await expectDepth(spool, lane, { records: 0, bytes: 0 });
      same('the dead letters', await spool.dead({}), []);
      same('the counts of dead letters', [...(await spool.deadCounts())], []);
      same('the discards', await spool.discards(10), []);
      same('the counts of discards', await spool.discardCounts(), []);
      await spool.check(AbortSignal.timeout(5_000));
    }),

    claim('gives back a record exactly as it was appended', appending, async ({ spool }) => {
      const body = Buffer.from('{"a":"é\\u0000","b":[1,2]}');
      const record = makeRecord({ timestamp: 1577015690.3118637, body });
      await spool.append([lane], record);
      const rows = await spool.read(lane, plenty);
      expectSameRecords('the record', rows, [record]);
      same('authenticated', rows[0]?.authenticated, false);
    }),

    claim('keeps bodies of 1 byte and of 10 MiB byte for byte', appending, async ({ spool }) => {
      const bodies = [Buffer.from('1'), randomBytes(10 * 1024 ** 2), Buffer.from('2')];
      const records = bodies.map((body, index) => makeRecord({ body, timestamp: index }));
      for (const record of records) await spool.append([lane], record);
      const rows = await spool.read(lane, plenty);
      expectSameRecords('what is read', rows, records);
      const batch = await spool.seal(lane, rows, []);
      same('the bytes of the batch', batch?.bytes, 10 * 1024 ** 2 + 2);
      expectSameRecords('what is sealed', (await spool.sealed(lane))?.rows, records);
    }),

    claim('hands out bodies that later calls do not change', reading, async ({ spool }) => {
      const records = await fill(spool, lane, 50);
      const rows = await spool.read(lane, plenty);
      await fill(spool, lane, 200);
      await spool.read(lane, plenty);
      await settleAll(spool, lane);
      expectSameRecords('what was read before', rows, records);
    }),

    claim(
      'appends a record to two lanes, and settles it in one without the other',
      appending,
      async ({ spool }) => {
        const record = makeRecord();
        await spool.append([lane, other], record);
        await expectPending(spool, [lane, other]);
        await settleAll(spool, lane);
        await expectPending(spool, [other]);
        expectSameRecords('the other lane', await spool.read(other, plenty), [record]);
      },
    ),

    claim('keeps lanes apart whose names begin alike', appending, async ({ spool }) => {
      const lanes = ['83521/warehouse', '835212/w', '835212/warehouse', '8352120/warehouse'] as LaneId[];
      for (const each of lanes) await fill(spool, each, 3);
      await expectPending(spool, lanes);
      for (const each of lanes) await expectRecords(spool, each, 3);
      await settleAll(spool, lane);
      for (const each of lanes) await expectRecords(spool, each, each === lane ? 0 : 3);
    }),

    claim('reads in the order of its appends, and changes nothing by reading', reading, async ({ spool }) => {
      const records = await fill(spool, lane, 300);
      for (let n = 0; n < 2; n++) await expectRead(spool, lane, records);
      await expectRecords(spool, lane, 300);
    }),

    claim(
      'reads no more rows and bytes than the limits, but one record however large',
      reading,
      async ({ spool }) => {
        const bodies = [10, 10, 10, 1000, 10].map((size) => Buffer.alloc(size, '1'));
        const records = bodies.map((body, index) => makeRecord({ body, timestamp: index }));
        for (const record of records) await spool.append([lane], record);
        const expectCount = async (rows: number, bytes: number, expected: number) => {
          const { length } = await spool.read(lane, { rows, bytes });
          same(
            `what is read of records of 10 bytes within ${rows} rows and ${bytes} bytes`,
            length,
            expected,
          );
        };
        await expectCount(2, 1_000_000, 2);
        await expectCount(100, 20, 2);
        await expectCount(100, 29, 2);
        await expectCount(100, 1, 1);
        await spool.seal(lane, await spool.read(lane, { rows: 3, bytes: 1000 }), []);
        const large = await spool.read(lane, { rows: 100, bytes: 500 });
        same('what is read of a record of 1000 bytes within 500', ids(large), ids(records.slice(3, 4)));
      },
    ),

    claim('tells a depth that is enough, or the exact one', measuring, async ({ spool }) => {
      const records = await fill(spool, lane, 40);
      const tell = (rows: number, bytes: number) => spool.depth(lane, { rows, bytes });
      const exact = await spool.depth(lane);
      await spool.pending();
      same('a depth of 40 where 40 are enough', await tell(40, sum(records)), exact);
      for (const [rows, bytes] of [
        [10, sum(records)],
        [40, 100],
      ] as const) {
        const told = await tell(rows, bytes);
        const isEnough = told.records > rows || told.bytes > bytes;
        that(`a depth where ${rows} rows or ${bytes} bytes are enough`, isEnough, 'more', told);
      }
    }),

    claim('tells the depth exactly, sealed or not', measuring, async ({ spool }) => {
      const records = await fill(spool, lane, 40);
      const oldest = Math.min(...records.map(({ timestamp }) => timestamp));
      const all = { records: 40, bytes: sum(records), oldest };
      await expectDepth(spool, lane, all);
      const batch = await sealNext(spool, lane, 15);
      await expectDepth(spool, lane, all);
      await spool.split(batch);
      await expectDepth(spool, lane, all);
      const half = await spool.sealed(lane);
      if (half !== undefined) await spool.settle(half, 'landed');
      const rest = records.slice(8);
      await expectDepth(spool, lane, {
        records: 32,
        bytes: sum(rest),
        oldest: Math.min(...rest.map(({ timestamp }) => timestamp)),
      });
      await settleAll(spool, lane);
      await expectDepth(spool, lane, { records: 0, bytes: 0 });
    }),

    claim(
      'skips and doubles nothing while several views append and one loads',
      several,
      async ({ spool, open }) => {
        const writers = [spool, await open(), await open()];
        const appended: string[] = [];
        let writing = true;
        const append = async (writer: Spool) => {
          for (let round = 0; round < 40; round++) {
            appended.push(...ids(await fill(writer, lane, randomInt(1, 30))));
            await sleep(randomInt(0, 3));
          }
        };
        const done = Promise.all(writers.map(append)).finally(() => {
          writing = false;
        });
        const landed: string[] = [];
        while (writing) {
          landed.push(...(await settleAll(spool, lane, 97)));
          await setImmediate();
        }
        await done;
        landed.push(...(await settleAll(spool, lane, 97)));
        same('the number of records that landed', landed.length, appended.length);
        same('the records that landed', landed.sort(), appended.sort());
        await expectDepth(spool, lane, { records: 0, bytes: 0 });
      },
    ),

    claim(
      'opens twice, can be closed twice, and takes no append after it',
      'close waits for what is being appended, and keeps it; afterwards appends are refused with an OverloadedError',
      async ({ spool, open }) => {
        await spool.open(AbortSignal.timeout(20_000));
        const waiting = spool.append([lane], makeRecord());
        await spool.close();
        await waiting;
        await spool.close();
        await refusedAs('overloaded', 'an append after close', spool.append([lane], makeRecord()));
        await expectRecords(await open(), lane, 1);
      },
    ),
  ];
}
