import type { Discard } from '../../contract/spool.js';
import type { Claim } from '../claim.js';
import { refusedAs, same } from '../proof.js';
import { fill, lane, makeRecord, plenty, sealNext } from './records.js';
import { expectRead, expectRecords, expectSameBatch, type SpoolClaim } from './stage.js';

const fencing =
  'only who holds the claim seals, splits and settles; anyone else gets a FencedError, and nothing of the call happens';

export function claimingClaims(claim: SpoolClaim): Claim[] {
  return [
    claim(
      'fences whoever held the claim before, and nothing of its calls happens',
      fencing,
      async ({ spool, claimed }) => {
        await fill(spool, lane, 20);
        const batch = await sealNext(spool, lane, 10);
        const rows = await spool.read(lane, plenty);
        const second = await claimed();
        const discarded: Discard[] = rows.slice(5).map((record) => ({ record, reason: 'wrong token' }));
        await refusedAs('fenced', 'a seal without the claim', spool.seal(lane, rows.slice(0, 5), discarded));
        await refusedAs('fenced', 'a split without the claim', spool.split(batch));
        await refusedAs('fenced', 'a settle without the claim', spool.settle(batch, 'landed'));
        expectSameBatch('the sealed batch', await second.sealed(lane), batch);
        await expectRead(second, lane, rows);
        same('the discards', await second.discards(10), []);
        await expectRecords(second, lane, 20);
        await second.settle(batch, 'landed');
        await refusedAs('fenced', 'a settle of what is settled', spool.settle(batch, 'landed'));
        await spool.append([lane], makeRecord());
        await expectRecords(second, lane, 11);
      },
    ),

    claim(
      'refuses to seal, split or settle for a view that never claimed',
      fencing,
      async ({ spool, open }) => {
        const unclaimed = await open();
        await fill(spool, lane, 2);
        const rows = await unclaimed.read(lane, plenty);
        await refusedAs('fenced', 'a seal', unclaimed.seal(lane, rows, []));
        const batch = await sealNext(spool, lane, 2);
        await refusedAs('fenced', 'a settle', unclaimed.settle(batch, 'landed'));
        await refusedAs('fenced', 'a split', unclaimed.split(batch));
      },
    ),
  ];
}
