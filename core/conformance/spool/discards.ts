import type { Discard, StoredRecord } from '../../contract/spool.js';
import type { Claim } from '../claim.js';
import { same } from '../proof.js';
import { fill, ids, lane, plenty, sum } from './records.js';
import { expectDepth, expectPending, expectRead, type SpoolClaim } from './stage.js';

const noting =
  'what is discarded is dropped, listed without its body and counted, durably, in the same step as the seal';

export function discardClaims(claim: SpoolClaim): Claim[] {
  return [
    claim(
      'drops, lists and counts what is discarded, and seals the rest exactly',
      noting,
      async ({ spool, open }) => {
        await fill(spool, lane, 12);
        const rows = await spool.read(lane, plenty);
        const [good, bad] = [rows.filter((_, at) => at % 3 !== 1), rows.filter((_, at) => at % 3 === 1)];
        const discarded = bad.map(
          (record, at): Discard => ({ record, reason: at === 0 ? 'unknown key' : 'wrong token' }),
        );
        const batch = await spool.seal(lane, good, discarded);
        same('the rows of the batch', ids(batch?.rows ?? []), ids(good));
        const oldest = Math.min(...good.map(({ timestamp }) => timestamp));
        const depth = { records: 8, bytes: sum(good), oldest };
        await expectDepth(spool, lane, depth);
        await spool.close();
        const again = await open();
        await expectDepth(again, lane, depth);
        same('the rows of the sealed batch', ids((await again.sealed(lane))?.rows ?? []), ids(good));
        await expectRead(again, lane, []);
        same(
          'the discards, newest first',
          await again.discards(10),
          discarded
            .map(({ record: { requestId, timestamp, key }, reason }) => ({
              requestId,
              timestamp,
              lane,
              key,
              reason,
            }))
            .reverse(),
        );
        same('the number of the two newest discards', (await again.discards(2)).length, 2);
        const counts = (await again.discardCounts()).toSorted((a, b) => a.count - b.count);
        same('the counts of discards', counts, [
          { lane, reason: 'unknown key', count: 1 },
          { lane, reason: 'wrong token', count: 3 },
        ]);
      },
    ),

    claim(
      'makes no batch when everything is discarded, and still notes it durably',
      noting,
      async ({ spool, open }) => {
        for (const count of [5, 1]) {
          await fill(spool, lane, count);
          const rows = await spool.read(lane, plenty);
          const batch = await spool.seal(lane, [], rows.map(withWrongToken));
          same('the batch', batch, undefined);
          await expectPending(spool, []);
          await expectDepth(spool, lane, { records: 0, bytes: 0 });
        }
        await spool.close();
        const again = await open();
        same('the number of discards', (await again.discards(100)).length, 6);
        same('the counts of discards', await again.discardCounts(), [
          { lane, reason: 'wrong token', count: 6 },
        ]);
      },
    ),
  ];
}

export function withWrongToken(record: StoredRecord): Discard {
  return { record, reason: 'wrong token' };
}
