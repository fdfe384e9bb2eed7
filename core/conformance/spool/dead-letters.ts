import { setTimeout as sleep } from 'node:timers/promises';
import { type DeadLetter, type LaneId, laneId } from '../../contract/spool.js';
import type { Claim } from '../claim.js';
import { same, that } from '../proof.js';
import { bury, fill, ids, lane, other, plenty, settleAll, sum } from './records.js';
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
          await bury(spool, each, 1, each === other ? 'the text is too Long' : 'no');
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
        await expectDead(spool, { reason: 'TOO long' }, diedIn(other));
        await expectDead(spool, { reason: 'no such reason' }, []);
        const counts = [...(await spool.deadCounts())].sort();
        same('the counts of dead letters', counts, lanes.map((each) => [each, 2]).sort());
      },
    ),

    claim(
      'lists page by page, none twice and none left out, while they are taken out',
      listing,
      async ({ spool }) => {
        const lanes = [lane, other, laneId('8352120', 'warehouse')];
        for (const each of lanes) {
          await fill(spool, each, 40);
          await bury(spool, each, 40);
        }
        const all = await spool.dead({});
        for (const size of [1, 7]) {
          const seen: DeadLetter[] = [];
          for (let page = await spool.dead({ limit: size }); page.length > 0; ) {
            seen.push(...page);
            const after = page.at(-1);
            page = await spool.dead({ limit: size, ...(after && { after }) });
          }
          same(`what pages of ${size} list`, ids(seen), ids(all));
        }
        const few = sum(all.slice(0, 3));
        same('what fits into the bytes', ids(await spool.dead({ bytes: few })), ids(all.slice(0, 3)));
        same('what comes however few bytes there are', (await spool.dead({ bytes: 1 })).length, 1);
        const [first, ...rest] = all;
        if (first === undefined) throw new Error('dead lists nothing after a death');
        await spool.drop(first);
        same('what follows one that is gone', ids(await spool.dead({ after: first })), ids(rest));
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
