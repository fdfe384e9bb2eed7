import type { Claim } from '../claim.js';
import { refused, same, that } from '../proof.js';
import { withWrongToken } from './discards.js';
import { fill, ids, lane, makeRecord, plenty, sealNext, sum } from './records.js';
import {
  expectDead,
  expectPending,
  expectRead,
  expectRecords,
  expectSameBatch,
  type SpoolClaim,
} from './stage.js';

const fixed =
  'seal fixes exactly the rows that it is given under a new id; the batch never changes until it is settled';
const late = 'a record whose commit comes late is neither skipped by read nor settled unread';
const settling = 'settle takes off this batch, all or nothing, and touches no other record';

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function sealingClaims(claim: SpoolClaim): Claim[] {
  return [
    claim(
      'keeps a sealed batch the same under its id, until it is settled',
      fixed,
      async ({ spool, open }) => {
        const records = await fill(spool, lane, 20);
        const batch = await sealNext(spool, lane, 10);
        that('the id of a batch', uuid7.test(batch.id), 'a UUIDv7', batch.id);
        same('the bytes of the batch', batch.bytes, sum(batch.rows));
        same('the rows of the batch', ids(batch.rows), ids(records.slice(0, 10)));
        await fill(spool, lane, 10);
        expectSameBatch('the sealed batch', await spool.sealed(lane), batch);
        await spool.close();
        const again = await open();
        expectSameBatch('the sealed batch after a close', await again.sealed(lane), batch);
        const rest = await again.read(lane, { ...plenty, rows: 10 });
        same('what is read behind it', ids(rest), ids(records.slice(10)));
      },
    ),

    claim('seals what one read returned, and reads on behind it', fixed, async ({ spool }) => {
      const records = await fill(spool, lane, 25);
      const batches = [];
      for (let round = 0; round < 3; round++) batches.push(await sealNext(spool, lane, 10));
      same(
        'the sizes of the batches',
        batches.map(({ rows }) => rows.length),
        [10, 10, 5],
      );
      same(
        'the rows of the batches',
        batches.flatMap(({ rows }) => ids(rows)),
        ids(records),
      );
      await expectRead(spool, lane, []);
      same('the number of different ids', new Set(batches.map(({ id }) => id)).size, 3);
      for (const batch of batches) {
        expectSameBatch('the oldest sealed batch', await spool.sealed(lane), batch);
        await spool.settle(batch, 'landed');
      }
      same('the sealed batch after the last', await spool.sealed(lane), undefined);
      await expectPending(spool, []);
    }),

    claim('seals what was read while the batch before it was written', fixed, async ({ spool }) => {
      const records = await fill(spool, lane, 25);
      const batch = await sealNext(spool, lane, 10);
      const ahead = await spool.read(lane, { ...plenty, rows: 10 });
      await spool.settle(batch, 'landed');
      const next = await spool.seal(lane, ahead, []);
      same('the rows of the next batch', ids(next?.rows ?? []), ids(records.slice(10, 20)));
      if (next !== undefined) expectSameBatch('the sealed batch', await spool.sealed(lane), next);
      await expectRead(spool, lane, records.slice(20));
    }),

    claim(
      'replays a batch in the order in which seal returned it, also where times run backwards',
      fixed,
      async ({ spool }) => {
        for (const timestamp of [5, 1, 4, 2, 8, 3, 7]) await spool.append([lane], makeRecord({ timestamp }));
        const view = await spool.read(lane, plenty);
        const rows = view.filter((_, index) => index !== 0 && index !== 4);
        const discarded = [0, 4].flatMap((index) => view[index] ?? []);
        const batch = await spool.seal(lane, rows, discarded.map(withWrongToken));
        const sealed = ids(batch?.rows ?? []);
        same('the rows of the batch', sealed.toSorted(), ids(rows).sort());
        same('the rows of the batch again', ids((await spool.sealed(lane))?.rows ?? []), sealed);
      },
    ),

    claim('never doubles a row that is given to seal a second time', fixed, async ({ spool }) => {
      await fill(spool, lane, 5);
      const rows = await spool.read(lane, plenty);
      const batch = await spool.seal(lane, rows, []);
      await refused(spool.seal(lane, rows, []), 'a seal of rows that are sealed');
      if (batch !== undefined) await spool.settle(batch, 'landed');
      await refused(spool.seal(lane, rows, []), 'a seal of rows that are settled');
      same('the sealed batch', await spool.sealed(lane), undefined);
    }),

    claim(
      'neither skips nor settles unread a record of another view that comes late',
      late,
      async ({ spool, open }) => {
        const slow = await open();
        const [early] = await fill(slow, lane, 1);
        await fill(spool, lane, 10);
        const read = await spool.read(lane, plenty);
        const at = early?.timestamp ?? 0;
        const before = makeRecord({ timestamp: at - 100 });
        const between = makeRecord({ timestamp: at + 0.0005 });
        await slow.append([lane], before);
        const batch = await spool.seal(lane, read, []);
        await slow.append([lane], between);
        same('the rows of the batch', ids(batch?.rows ?? []), ids(read));
        if (batch !== undefined) await spool.settle(batch, 'landed');
        await expectRecords(spool, lane, 2);
        await expectRead(spool, lane, [before, between]);
      },
    ),

    claim('settles batches out of their order without a trace of the others', settling, async ({ spool }) => {
      await fill(spool, lane, 30);
      const first = await sealNext(spool, lane, 10);
      const second = await sealNext(spool, lane, 10);
      const third = await sealNext(spool, lane, 10);
      await spool.settle(second, 'landed');
      expectSameBatch('the oldest sealed batch', await spool.sealed(lane), first);
      const { records, bytes } = await spool.depth(lane);
      same('the depth', { records, bytes }, { records: 20, bytes: first.bytes + third.bytes });
      await expectRead(spool, lane, []);
      await spool.settle(first, 'landed');
      expectSameBatch('the last sealed batch', await spool.sealed(lane), third);
    }),

    claim('settles again what is settled already without harm', settling, async ({ spool }) => {
      await fill(spool, lane, 3);
      const batch = await sealNext(spool, lane, 2);
      for (let n = 0; n < 2; n++) await spool.settle(batch, 'landed');
      await expectRecords(spool, lane, 1);
    }),

    claim('lets no batch of two rows die, and keeps it', settling, async ({ spool }) => {
      await fill(spool, lane, 2);
      const batch = await sealNext(spool, lane, 2);
      await refused(spool.settle(batch, { reason: 'no' }), 'the death of a batch of two rows');
      expectSameBatch('the sealed batch', await spool.sealed(lane), batch);
      await expectDead(spool, {}, []);
    }),
  ];
}
