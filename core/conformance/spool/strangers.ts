import { setTimeout as sleep } from 'node:timers/promises';
import { instructionOf } from '../../contract/errors.js';
import { type SenderId, type Senders, senderId } from '../../contract/sender.js';
import type { Spool } from '../../contract/spool.js';
import type { Claim } from '../claim.js';
import { refusedAs, same, that } from '../proof.js';
import { offered } from '../subject.js';
import { lane, makeRecord, other, plenty, settleAll } from './records.js';
import type { SpoolClaim } from './stage.js';
import type { SpoolSubject } from './subject.js';

/** Milliseconds that a view may lag behind what others have done. */
const settling = 1000;

const judging =
  'whoever asks about a sender hears from whoever holds the claim, in whatever process: who is proven is durable';
const sharing =
  'unproven records take no more than their share, also after a crash; others are taken meanwhile, and they again once those are sealed or discarded';

export function strangerClaims<S>(subject: SpoolSubject<S>, claim: SpoolClaim): Claim[] {
  const share = offered('unproven', subject.unproven);
  const limit = offered('limit', subject.limit);
  if (share === undefined) return [];
  const claims = [
    claim('tells every view who is proven, for good', judging, async ({ spool, open }) => {
      const acks = await open();
      const [good, bad, late] = [makeSender(), makeSender(), makeSender()];
      await sendersOf(acks).ask([good, bad]);
      await sendersOf(acks).ask([good]);
      same('who was asked about', (await sendersOf(spool).asked()).sort(), [good, bad].sort());
      await sendersOf(spool).judge([good], [bad]);
      same('who is asked about afterwards', await sendersOf(spool).asked(), []);
      same('who is proven', await provenIn(acks), [good]);
      await sendersOf(acks).ask([late]);
      await sendersOf(spool).judge([late], [good]);
      same('who is proven after a change', await provenIn(acks), [late]);
      await spool.close();
      await acks.close();
      same('who is proven when it is opened again', await provenIn(await open()), [late]);
    }),

    claim('takes no judgement without the claim', judging, async ({ spool, open, claimed }) => {
      const sender = makeSender();
      const unclaimed = await open();
      await sendersOf(unclaimed).ask([sender]);
      await refusedAs('fenced', 'a judgement by no claim', sendersOf(unclaimed).judge([sender], []));
      const second = await claimed();
      await refusedAs('fenced', 'a judgement by a former claim', sendersOf(spool).judge([sender], []));
      same('who is proven', await provenIn(second), []);
      same('who is asked about', await sendersOf(second).asked(), [sender]);
    }),
  ];
  if (limit === undefined) return claims;
  return [
    ...claims,
    claim(
      'holds unproven records to their share, and takes others meanwhile',
      sharing,
      async ({ spool, open }) => {
        const body = Buffer.alloc(10_000, '1');
        /** Appends until that is refused; resolves to how many bytes were taken in each lane. */
        const fillUp = async (into: Spool) => {
          for (let bytes = 0; bytes < limit; bytes += body.length) {
            const append = into.append([lane, other], makeRecord({ body, unproven: true }));
            const refusal = await append.catch((error: unknown) => error);
            if (refusal === undefined) continue;
            same('an unproven record beyond the share', instructionOf(refusal), 'overloaded');
            same('why it is refused', (refusal as { readonly unproven?: boolean }).unproven, true);
            return bytes;
          }
          return limit;
        };
        const taken = 2 * (await fillUp(spool));
        that('what fits into the share', taken > share / 2 && taken <= share, `about ${share} bytes`, taken);
        await spool.check(AbortSignal.timeout(5_000));
        await spool.append([lane], makeRecord({ body }));
        const again = await open();
        await again.append([lane], makeRecord({ body, unproven: false }));
        await spool.pending();
        await sleep(settling);
        same('what another view takes of a full share', await fillUp(again), 0);
        await settleAll(spool, lane, 10);
        const rows = await spool.read(other, plenty);
        await spool.seal(
          other,
          [],
          rows.map((record) => ({ record, reason: 'unknown key' as const })),
        );
        await sleep(settling);
        const later = 2 * (await fillUp(again));
        that('what fits into a share that is free again', later > share / 2, `about ${share} bytes`, later);
      },
      limit,
    ),
  ];
}

function sendersOf({ senders }: Spool): Senders {
  if (senders === undefined) throw new Error('the subject offers a share, and the spool knows no senders');
  return senders;
}

async function provenIn(spool: Spool): Promise<SenderId[]> {
  return [...(await sendersOf(spool).proven())];
}

function makeSender(): SenderId {
  const { key, tokenDigest } = makeRecord();
  return senderId(key, tokenDigest);
}
