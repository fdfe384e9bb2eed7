import type { SpoolRecord } from '../../contract/spool.js';
import type { Claim } from '../claim.js';
import { same } from '../proof.js';
import { withWrongToken } from './discards.js';
import { fill, ids, lane, plenty, sealNext, sum } from './records.js';
import { expectRecords, type SpoolClaim } from './stage.js';

const splitting =
  'split replaces a batch by its two halves, under new ids, in its place and order, all or nothing';

const finding = 'find gives the lanes in which a request waits, sealed or not';

export function splittingClaims(claim: SpoolClaim): Claim[] {
  return [
    claim(
      'splits a batch into two halves under new ids, in its place and order',
      splitting,
      async ({ spool }) => {
        const records = await fill(spool, lane, 12);
        const whole = await sealNext(spool, lane, 7);
        const later = await sealNext(spool, lane, 5);
        await spool.split(whole);
        same('the newest batch', (await spool.sealed(lane, 'newest'))?.id, later.id);
        const first = await spool.sealed(lane);
        if (first === undefined) throw new Error('nothing is sealed after a split');
        same('the rows of the first half', first.rows.length, 4);
        const ends = await Promise.all([0, 1, 2, 3].map((place) => spool.sealed(lane, place)));
        same(
          'the batches, counted from the newest',
          ends.map((batch) => batch?.rows.length),
          [5, 3, 4, undefined],
        );
        await spool.split(first);
        const parts = [];
        for (let part = await spool.sealed(lane); part !== undefined; part = await spool.sealed(lane)) {
          parts.push(part);
          await spool.settle(part, 'landed');
        }
        same(
          'the sizes of all parts',
          parts.map(({ rows }) => rows.length),
          [2, 2, 3, 5],
        );
        same(
          'the rows of all parts',
          parts.flatMap(({ rows }) => ids(rows)),
          ids(records),
        );
        same(
          'the bytes of all parts',
          parts.map(({ bytes }) => bytes),
          parts.map(({ rows }) => sum(rows)),
        );
        same('the id of the last', parts.at(-1)?.id, later.id);
        same('the number of different ids', new Set([whole, first, ...parts].map(({ id }) => id)).size, 6);
      },
    ),

    claim('finds a request where it waits, and in which batch', finding, async ({ spool }) => {
      const [sealed, waiting] = await fill(spool, lane, 2);
      const batch = await sealNext(spool, lane, 1);
      const find = async (record: SpoolRecord | undefined) => spool.find(record?.requestId ?? '');
      const of = ({ requestId, timestamp, key, body }: SpoolRecord) => ({
        requestId,
        timestamp,
        key,
        lane,
        bytes: body.length,
      });
      same('where the sealed one is', await find(sealed), sealed && [{ ...of(sealed), batch: batch.id }]);
      same('where the waiting one is', await find(waiting), waiting && [of(waiting)]);
      await spool.settle(batch, 'landed');
      same('where the landed one is', await find(sealed), []);
    }),

    claim(
      'splits a batch of thousands down to single rows, with discards in it',
      splitting,
      async ({ spool }) => {
        await fill(spool, lane, 1030);
        const read = await spool.read(lane, plenty);
        const rows = read.filter((_, index) => index % 100 !== 7);
        const discarded = read.filter((_, index) => index % 100 === 7);
        await spool.seal(lane, rows, discarded.map(withWrongToken));
        for (let splits = 0; splits < 10; splits++) {
          const part = await spool.sealed(lane);
          if (part === undefined || part.rows.length === 1) break;
          await spool.split(part);
        }
        await expectRecords(spool, lane, rows.length);
        const seen: string[] = [];
        for (let part = await spool.sealed(lane); part !== undefined; part = await spool.sealed(lane)) {
          seen.push(...ids(part.rows));
          await spool.settle(part, 'landed');
        }
        same('the rows of all parts', seen, ids(rows));
      },
    ),
  ];
}
