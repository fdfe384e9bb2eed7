import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldDiscard, HeldFilter, Quarantine } from '../../contract/quarantine.js';
import type { Spool } from '../../contract/spool.js';
import type { Claim } from '../claim.js';
import { same } from '../proof.js';
import { spread } from '../steps.js';
import { offered } from '../subject.js';
import { withWrongToken } from './discards.js';
import { bury, fill, ids, lane, makeRecord, other, plenty, settleAll } from './records.js';
import { expectDepth, expectPending, expectSameRecords, type SpoolClaim } from './stage.js';
import type { SpoolSubject } from './subject.js';

const holding =
  'what is discarded is held with its body in the same step as the seal, as long as the spool was told';
const releasing =
  'what is held is released or dropped once, whoever tries at the same time; what is released is judged by its token anew';
const sharing = 'what is held takes no more than its share: the oldest are thrown away first, and counted';

const day = 86_400_000;

export function quarantineClaims<S>(subject: SpoolSubject<S>, claim: SpoolClaim): Claim[] {
  if (offered('quarantine', subject.quarantine) === undefined) return [];
  const limit = offered('limit', subject.limit);
  const claims = [
    claim(
      'holds what is discarded with its body, and lists it by every filter',
      holding,
      async ({ spool, open }) => {
        const before = await fill(spool, lane, 2);
        await discardAll(spool);
        same('what is held before it is told to', await quarantineOf(spool).list({}), []);
        quarantineOf(spool).keep(day);
        const records = await fill(spool, lane, 3);
        await discardAll(spool);
        const [elsewhere] = await fill(spool, other, 1);
        const rows = await spool.read(other, plenty);
        await spool.seal(
          other,
          [],
          rows.map((record) => ({ record, reason: 'unknown key' })),
        );
        await spool.close();
        const again = await open();
        const [first, ...rest] = await quarantineOf(again).list({});
        if (first === undefined) throw new Error('nothing is held');
        same('what is held', ids([first, ...rest]), ids([...records, ...(elsewhere ? [elsewhere] : [])]));
        same('its body', Buffer.from(first.body), records[0]?.body);
        same('its digest', Buffer.from(first.tokenDigest), Buffer.from(records[0]?.tokenDigest ?? []));
        same(
          'its lane, reason and key',
          [first.lane, first.reason, first.key],
          [lane, 'wrong token', records[0]?.key],
        );
        same('how long it is held', first.heldUntil.getTime() - first.discardedAt.getTime(), day);
        const expect = async (filter: HeldFilter, expected: readonly { readonly requestId: string }[]) =>
          same(
            `what is held by ${JSON.stringify(filter)}`,
            ids(await quarantineOf(again).list(filter)),
            ids(expected),
          );
        await expect({ limit: 2 }, records.slice(0, 2));
        await expect({ limit: 2, after: first }, records.slice(1, 3));
        await expect({ bytes: 1 }, records.slice(0, 1));
        await expect({ pipeline: '835212' }, [...records, ...(elsewhere ? [elsewhere] : [])]);
        await expect({ pipeline: '83521' }, []);
        await expect({ key: records[1]?.key ?? '' }, records.slice(1, 2));
        await expect({ reason: 'UNKNOWN' }, elsewhere ? [elsewhere] : []);
        await expect({ requestId: records[2]?.requestId ?? '' }, records.slice(2));
        await expect({ requestId: before[0]?.requestId ?? '' }, []);
        same('the number of discards', (await again.discards(100)).length, 6);
      },
    ),

    claim('releases what is held once, to be judged anew', releasing, async ({ spool, open }) => {
      quarantineOf(spool).keep(day);
      const records = await fill(spool, lane, 1);
      await discardAll(spool);
      await expectPending(spool, []);
      const held = await onlyHeld(spool);
      const second = await open();
      const tries = await Promise.all([spool, second].map((each) => quarantineOf(each).release(held)));
      same('who released it', tries.toSorted(), [false, true]);
      same('whether it is released again', await quarantineOf(spool).release(held), false);
      same('whether it is dropped then', await quarantineOf(spool).drop(held), false);
      same('what is held then', await quarantineOf(spool).list({}), []);
      const [row, ...more] = await spool.read(lane, plenty);
      expectSameRecords('what is read', row ? [row, ...more] : more, records);
      same('authenticated, released', [row?.authenticated, row?.released], [false, true]);
      const { timestamp: oldest = 0, body } = records[0] ?? {};
      await expectDepth(spool, lane, { records: 1, bytes: body?.length ?? 0, oldest });
      await discardAll(spool);
      await quarantineOf(spool).release(await onlyHeld(spool));
      await bury(spool, lane, 1);
      const [letter] = await spool.dead({});
      if (letter !== undefined) await spool.revive(letter);
      same(
        'authenticated, once it has died and is revived',
        (await spool.read(lane, plenty))[0]?.authenticated,
        true,
      );
      same('what landed', await settleAll(spool, lane), ids(records));
      await expectPending(spool, []);
    }),

    claim('drops what is held, and lets go of it when its time is over', holding, async ({ spool }) => {
      const quarantine = quarantineOf(spool);
      quarantine.keep(day);
      const [first, second] = await fill(spool, lane, 2);
      await discardAll(spool);
      const [held] = await quarantine.list({ requestId: first?.requestId ?? '' });
      same('whether it is dropped', held && (await quarantine.drop(held)), true);
      same('whether it is dropped again', held && (await quarantine.drop(held)), false);
      quarantine.keep(1);
      await fill(spool, lane, 2);
      await discardAll(spool);
      await sleep(10);
      same('what is listed of those whose time is over', ids(await quarantine.list({})), [second?.requestId]);
      for (let tries = 0; tries < 100 && (await quarantine.counts()).held > 1; tries++) {
        await sleep(10);
        await spool.pending();
      }
      same('what is held on', ids(await quarantine.list({})), [second?.requestId]);
      quarantine.keep(undefined);
      await fill(spool, lane, 1);
      await discardAll(spool);
      const { held: count, thrownAway } = await quarantine.counts();
      same('how many are held, and were thrown away early', [count, thrownAway], [1, 0]);
    }),
  ];
  if (offered('process', subject.process) !== undefined) {
    claims.push(
      claim('releases each once, also when it is killed at every step of it', releasing, async (stage) => {
        const { spool } = stage;
        quarantineOf(spool).keep(day);
        const release = async (killAt?: number) => {
          const sent = ids(await fill(spool, lane, 5));
          await discardAll(spool);
          const child = stage.start('releasing-child', killAt === undefined ? {} : { killAt });
          if ((await child.end()) !== 'SIGKILL') await child.done();
          const held = ids(await quarantineOf(spool).list({}));
          const back = ids(await spool.read(lane, plenty));
          same(`what is held or back, killed at ${killAt}`, [...held, ...back].sort(), sent.toSorted());
          for (const one of await quarantineOf(spool).list({})) await quarantineOf(spool).drop(one);
          same('what landed', (await settleAll(spool, lane)).length, back.length);
          return { steps: Number(child.lines[0]), back: back.length };
        };
        const { steps, back } = await release();
        same('what is back where nothing was killed', back, 5);
        const backs: number[] = [];
        for (const killAt of spread(steps, subject.kills)) backs.push((await release(killAt)).back);
        same('whether some kills came amid the release', new Set(backs).size > 1, true);
      }),
    );
  }
  if (limit === undefined) return claims;
  return [
    ...claims,
    claim(
      'holds no more than its share, the newest, and counts what it throws away',
      sharing,
      async ({ spool }) => {
        const quarantine = quarantineOf(spool);
        quarantine.keep(day);
        const sent: string[] = [];
        const body = Buffer.alloc(4000, '1');
        for (let bytes = 0; bytes < limit; bytes += 10 * body.length) {
          const records = Array.from({ length: 10 }, () => makeRecord({ body }));
          await Promise.all(records.map((record) => spool.append([lane], record)));
          sent.push(...ids(records));
          await discardAll(spool);
        }
        const { held, bytes, thrownAway } = await quarantine.counts();
        same('whether the held take less than half of the spool', bytes < limit / 2, true);
        same('what is held or was thrown away', held + thrownAway, sent.length);
        same('whether some were thrown away, and not all', [thrownAway > 0, held > 0], [true, true]);
        same('what is held', ids(await quarantine.list({})), sent.slice(-held));
        await spool.check(AbortSignal.timeout(5_000));
      },
      limit,
    ),
  ];
}

async function discardAll(spool: Spool): Promise<void> {
  await spool.seal(lane, [], (await spool.read(lane, plenty)).map(withWrongToken));
}

async function onlyHeld(spool: Spool): Promise<HeldDiscard> {
  const [held, ...more] = await quarantineOf(spool).list({});
  same('what else is held', more, []);
  if (held === undefined) throw new Error('nothing is held of what was discarded');
  return held;
}

function quarantineOf({ quarantine }: Spool): Quarantine {
  if (quarantine === undefined) throw new Error('the subject offers a quarantine, and the spool has none');
  return quarantine;
}
