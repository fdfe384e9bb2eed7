import type { Serials } from '../../contract/serials.js';
import type { Spool } from '../../contract/spool.js';
import type { Claim } from '../claim.js';
import { same } from '../proof.js';
import { offered } from '../subject.js';
import { fill, lane, other, sealNext } from './records.js';
import type { SpoolClaim } from './stage.js';
import type { SpoolSubject } from './subject.js';

const rising =
  'each seal and each half of a split has a higher serial than all before, over restarts and from whichever lane';
const expecting =
  'what is expected of a destination stays as it was first noted, until it is agreed on or a conflict is accepted';

export function serialClaims<S>(subject: SpoolSubject<S>, claim: SpoolClaim): Claim[] {
  if (offered('serials', subject.serials) === undefined) return [];
  return [
    claim('gives each batch a higher serial than all before', rising, async ({ spool, claimed }) => {
      const { spool: id, serial } = await serialsOf(spool).current();
      same('the serial of a new spool', serial, 0);
      await Promise.all([fill(spool, lane, 4), fill(spool, other, 2)]);
      const whole = await sealNext(spool, lane, 2);
      const later = await sealNext(spool, lane, 2);
      const [third, fourth] = await Promise.all([sealNext(spool, other, 1), fill(spool, lane, 1)]);
      await spool.split(whole);
      await spool.close();
      const again = await claimed();
      const serials = [whole, later, third].map(({ origin }) => origin?.serial ?? 0);
      const halves = [];
      for (let left = 2; left > 0; left--) {
        const half = await again.sealed(lane);
        if (half === undefined) throw new Error('a half is missing');
        halves.push(half.origin);
        await again.settle(half, 'landed');
      }
      same('what is sealed after them', (await again.sealed(lane))?.origin, later.origin);
      serials.push(...halves.map((origin) => origin?.serial ?? 0));
      same('the highest', (await serialsOf(again).current()).serial, serials.at(-1));
      same('how many are newly sealed', fourth.length, 1);
      serials.push((await sealNext(again, lane, 1)).origin?.serial ?? 0);
      same('the serials', serials, [1, 2, 3, 4, 5, 6]);
      same('whose they are', halves[0]?.spool, id);
    }),

    claim(
      'keeps what it expects of a destination, and goes on above what is accepted',
      expecting,
      async ({ spool, open, claimed }) => {
        const serials = serialsOf(spool);
        const seal = async (of: Spool) => {
          await fill(of, lane, 1);
          return (await sealNext(of, lane, 1)).origin?.serial;
        };
        await serials.expect(['a', 'b']);
        same('the next', await seal(spool), 1);
        await serials.expect(['a', 'b', 'c']);
        same('what is expected of a', await serials.expectation('a'), { serial: 0 });
        same('what is expected of c', await serials.expectation('c'), { serial: 1 });
        await serials.agree('b', 1);
        same('what is expected of b', await serials.expectation('b'), undefined);
        same('whether a conflict of b is there to accept', await serials.accept('b'), false);
        const conflict = { id: '018f0000-0000-7000-8000-000000000000', serial: 70 };
        const waiting = (await spool.sealed(lane))?.id ?? '';
        same(
          'which batches it knows',
          [await serials.has(waiting), await serials.has(conflict.id)],
          [true, false],
        );
        await serials.dispute('a', conflict);
        await spool.close();
        const again = await claimed();
        await serialsOf(again).expect(['a']);
        same('the conflict', await serialsOf(again).expectation('a'), { serial: 0, conflict });
        same('the next', await seal(again), 2);
        same('whether it is accepted elsewhere', await serialsOf(await open()).accept('a'), true);
        same('what is expected then', await serialsOf(again).expectation('a'), { serial: 70 });
        await serialsOf(again).agree('a', 70);
        same('the next above it', await seal(again), 71);
        await serialsOf(again).agree('c', 3);
        same('the next', await seal(again), 72);
      },
    ),
  ];
}

function serialsOf({ serials }: Spool): Serials {
  if (serials === undefined) throw new Error('the spool has no serials');
  return serials;
}
