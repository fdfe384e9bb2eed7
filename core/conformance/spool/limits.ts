import { instructionOf } from '../../contract/errors.js';
import type { Claim } from '../claim.js';
import { same, that } from '../proof.js';
import { offered } from '../subject.js';
import { ids, lane, makeRecord, other, plenty, settleAll } from './records.js';
import type { SpoolClaim } from './stage.js';
import type { SpoolSubject } from './subject.js';

const limiting =
  'a full spool refuses with an OverloadedError, loses nothing, goes on settling, and then takes records again';

export function limitClaims<S>(subject: SpoolSubject<S>, claim: SpoolClaim): Claim[] {
  const limit = offered('limit', subject.limit);
  if (limit === undefined) return [];
  const body = Buffer.alloc(100_000, '1');
  return [
    claim(
      'refuses appends at its limit, goes on settling, and takes appends again when there is room',
      limiting,
      async ({ spool }) => {
        const taken: string[] = [];
        /** Appends until that is refused; resolves to why. */
        const fillUp = async (filler: Buffer, count = (2 * limit) / filler.length) => {
          for (let n = 0; n < count; n++) {
            const record = makeRecord({ body: filler });
            const refusal = await spool.append([lane], record).catch((error: unknown) => error);
            if (refusal !== undefined) return refusal;
            taken.push(record.requestId);
          }
          return undefined;
        };
        const refusal = await fillUp(body);
        same('an append to a full spool', instructionOf(refusal), 'overloaded');
        const used = taken.length * body.length;
        that('what fits in', used > limit / 2 && used < 1.5 * limit, `about ${limit} bytes`, used);
        // Smaller ones may find room yet: check refuses when there is none.
        await fillUp(Buffer.alloc(1000, '1'));
        const check = () => spool.check(AbortSignal.timeout(5_000)).catch((error: unknown) => error);
        let checked = await check();
        for (let tries = 0; tries < 10_000 && checked === undefined; tries++) {
          await fillUp(Buffer.from('1'), 1);
          checked = await check();
        }
        same('the check of a full spool', instructionOf(checked), 'overloaded');
        same('what landed of a full spool', await settleAll(spool, lane, 10), taken);
        await spool.check(AbortSignal.timeout(5_000));
        for (let round = 0; round < 10; round++) {
          const appends = Array.from({ length: 10 }, () => spool.append([lane], makeRecord({ body })));
          await Promise.all(appends);
          same('what landed afterwards', (await settleAll(spool, lane, 10)).length, appends.length);
        }
      },
      limit,
    ),
    claim(
      'keeps a record in all of its lanes or in none when it is full',
      'append keeps the record in each of the lanes, all or nothing',
      async ({ spool }) => {
        const taken: string[] = [];
        let refusals = 0;
        for (let tried = 0; tried * body.length < 2 * limit && refusals < 3; tried++) {
          const record = makeRecord({ body });
          await spool.append([lane, other], record).then(
            () => taken.push(record.requestId),
            () => {
              refusals += 1;
            },
          );
        }
        same('the appends that a full spool refused', refusals, 3);
        for (const each of [lane, other]) {
          same(`the records in ${each}`, ids(await spool.read(each, plenty)), taken);
        }
      },
      limit,
    ),
  ];
}
