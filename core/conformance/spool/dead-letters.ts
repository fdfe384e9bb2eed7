import { setTimeout as sleep } from 'node:timers/promises';
import { type LaneId, laneId } from '../../spool.js';
import type { Claim } from '../claim.js';
import { same, that } from '../proof.js';
import { bury, fill, ids, lane, other, plenty, settleAll } from './records.js';
import {
  expectDead,
  expectDepth,
  expectPending,
  expectRecords,
  expectSameRecords,
  type SpoolClaim,
} from './stage.js';

const keeping =
  'a row that died is kept with its body and the reason until someone revives or drops it, durably';
const listing = 'dead lists the letters that the filter asks for, oldest death first';
const once = 'a dead letter is revived or dropped once, whoever tries at the same time';

export function deadLetterClaims(claim: SpoolClaim): Claim[] {
  return [
    claim(
      'keeps a row that died, with its body and the reason, and counts it',
      keeping,
      async ({ spool, open }) => {
        const [record] = await fill(spool, lane, 1);
        const before = Date.now();
        await bury(spool, lane, 1, 'invalid JSON for this column');
        await expectPending(spool, []);
        await spool.close();
        const again = await open();
        const [letter, ...more] = await again.dead({});
        same('further dead letters', more, []);
        const { diedAt, body, ...rest } = letter ?? {};
        same('the dead letter', rest, {
          requestId: record?.requestId,
          timestamp: record?.timestamp,
          key: record?.key,
          lane,
          reason: 'invalid JSON for this column',
        });
        same('its body', Buffer.from(body ?? []), record?.body);
        const at = diedAt?.getTime() ?? 0;
        that('its time of death', at >= before - 1 && at <= Date.now() + 1, 'now', diedAt);
        same('the counts of dead letters', [...(await again.deadCounts())], [[lane, 1]]);
      },
    ),

    claim(
      'lists dead letters oldest death first, by lane, pipeline, destination, request and limit',
      listing,
      async ({ spool }) => {
        const lanes = [lane, other, laneId('8352120', 'warehouse'), laneId('7', 'lake')];
        const died: { readonly lane: LaneId; readonly requestId: string }[] = [];
        for (const each of [...lanes, ...lanes]) {
          const [record] = await fill(spool, each, 1);
          await bury(spool, each, 1);
          died.push({ lane: each, requestId: record?.requestId ?? '' });
          await sleep(2);
        }
        const diedIn = (...found: LaneId[]) => died.filter((letter) => found.includes(letter.lane));
        await expectDead(spool, {}, died);
        await expectDead(spool, { limit: 3 }, died.slice(0, 3));
        await expectDead(spool, { pipeline: '835212' }, diedIn(lane, other));
        await expectDead(spool, { destination: 'lake' }, diedIn(other, laneId('7', 'lake')));
        await expectDead(spool, { pipeline: '7', destination: 'lake' }, diedIn(laneId('7', 'lake')));
        await expectDead(spool, { requestId: died[5]?.requestId ?? '' }, died.slice(5, 6));
        await expectDead(spool, { pipeline: '83521' }, []);
        const counts = [...(await spool.deadCounts())].sort();
        same('the counts of dead letters', counts, lanes.map((each) => [each, 2]).sort());
      },
    ),

    claim(
      'revives a dead letter once, as authenticated, with its id, time and body',
      once,
      async ({ spool, open }) => {
        const records = await fill(spool, lane, 1);
        await bury(spool, lane, 1);
        const second = await open();
        const [letter] = await spool.dead({});
        if (letter === undefined) throw new Error('dead lists nothing after a death');
        const revived = await Promise.all([spool.revive(letter), second.revive(letter)]);
        same('who revived it', revived.toSorted(), [false, true]);
        same('whether it is revived again', await spool.revive(letter), false);
        same('whether it is dropped then', await spool.drop(letter), false);
        await expectDead(spool, {}, []);
        const rows = await spool.read(lane, plenty);
        expectSameRecords('what is read', rows, records);
        same('authenticated', rows[0]?.authenticated, true);
        const [record] = records;
        await expectDepth(spool, lane, {
          records: 1,
          bytes: record?.body.length ?? 0,
          oldest: record?.timestamp ?? 0,
        });
        await settleAll(spool, lane);
        await expectPending(spool, []);
      },
    ),

    claim('revives many while it appends, and loses or doubles none', once, async ({ spool }) => {
      const dying = await fill(spool, lane, 20);
      await bury(spool, lane, 20);
      const letters = await spool.dead({});
      const [revived, appended] = await Promise.all([
        Promise.all(letters.map((letter) => spool.revive(letter))),
        fill(spool, lane, 100),
      ]);
      same('how many were revived', revived.filter(Boolean).length, 20);
      await expectRecords(spool, lane, 120);
      const landed = await settleAll(spool, lane);
      same('what landed', landed.sort(), [...ids(dying), ...ids(appended)].sort());
    }),

    claim('drops a dead letter once', once, async ({ spool }) => {
      await fill(spool, lane, 1);
      await bury(spool, lane, 1);
      const [letter] = await spool.dead({});
      if (letter === undefined) throw new Error('dead lists nothing after a death');
      same('whether it is dropped', await spool.drop(letter), true);
      same('whether it is dropped again', await spool.drop(letter), false);
      same('whether it is revived then', await spool.revive(letter), false);
      await expectPending(spool, []);
    }),
  ];
}
