import { setTimeout as sleep } from 'node:timers/promises';
import type { Receipts, ReceiptsSummary } from '../../contract/receipts.js';
import type { LaneId, Spool } from '../../contract/spool.js';
import type { Claim } from '../claim.js';
import { same } from '../proof.js';
import { offered } from '../subject.js';
import { bury, fill, ids, lane, other, plenty, sealNext } from './records.js';
import type { SpoolClaim } from './stage.js';
import type { SpoolSubject } from './subject.js';

const keeping =
  'what lands leaves a receipt in the same step as the settling, as long as the spool was told, and nothing else does';
const sharing = 'receipts take no more than their share: the oldest are thrown away first, and counted';

const day = 86_400_000;

export function receiptClaims<S>(subject: SpoolSubject<S>, claim: SpoolClaim): Claim[] {
  if (offered('receipts', subject.receipts) === undefined) return [];
  const limit = offered('limit', subject.limit);
  const claims = [
    claim('keeps where it landed, and forgets what it is told to', keeping, async ({ spool, open }) => {
      receiptsOf(spool).keep(day);
      const [first, second, third] = await fill(spool, lane, 3);
      await spool.settle(await sealNext(spool, lane, 2), 'landed', 'orders');
      await spool.settle(await sealNext(spool, lane, 1), 'landed', 'sales "new"');
      await spool.close();
      const again = receiptsOf(await open());
      const summaries = await summariesOf(again, lane);
      same(
        'the tables',
        summaries.map(({ table, count }) => [table, count]),
        [
          ['orders', 2],
          ['sales "new"', 1],
        ],
      );
      const find = async (of: typeof first) =>
        (await again.find(of?.requestId ?? '')).map(({ table, lane }) => [lane, table]);
      same('where the first landed', await find(first), [[lane, 'orders']]);
      await again.forget(summaries[0]?.id ?? '', new Set([first?.requestId ?? '', third?.requestId ?? '']));
      same('what is known of the first', await find(first), []);
      same('what is known of the second', await find(second), [[lane, 'orders']]);
      same('what is known of the third', await find(third), [[lane, 'sales "new"']]);
      await again.forget(summaries[1]?.id ?? '', new Set([third?.requestId ?? '']));
      same('what is left', (await summariesOf(again, lane)).length, 1);
    }),

    claim('keeps a receipt of each row that lands, and finds it', keeping, async ({ spool, open }) => {
      const before = await fill(spool, lane, 1);
      await land(spool, lane);
      receiptsOf(spool).keep(day);
      const records = await fill(spool, lane, 2100);
      const batch = await land(spool, lane);
      const elsewhere = await fill(spool, other, 3);
      const third = await land(spool, other);
      await fill(spool, lane, 1);
      await bury(spool, lane, 1);
      const [letter] = await spool.dead({});
      await spool.close();
      const again = receiptsOf(await open());
      same('receipts of what landed before', await again.find(before[0]?.requestId ?? ''), []);
      same('receipts of what died', await again.find(letter?.requestId ?? ''), []);
      same('receipts of half a request id', await again.find((records[0]?.requestId ?? '').slice(0, 10)), []);
      for (const record of [records[0], records[1234], records.at(-1), elsewhere[2]]) {
        const found = await again.find(record?.requestId ?? '');
        const { requestId, timestamp } = record ?? {};
        const expected = record === elsewhere[2] ? { lane: other, batch: third } : { lane, batch };
        same(
          'a receipt',
          found.map(({ lane, batch, receipts }) => ({ lane, batch, receipts })),
          [{ ...expected, receipts: [{ requestId, timestamp }] }],
        );
        const landed = found[0]?.landedAt.getTime() ?? 0;
        same('whether it has the time of its landing', Math.abs(Date.now() - landed) < 60_000, true);
      }
      same('what of a lane has landed', await landedIn(again, lane), ids(records));
      same('what of another has', await landedIn(again, other), ids(elsewhere));
      const summaries = await summariesOf(again, other);
      const times = elsewhere.map(({ timestamp }) => timestamp);
      same(
        'the summary',
        summaries.map(({ count, first, last }) => [count, first, last]),
        [[3, Math.min(...times), Math.max(...times)]],
      );
    }),

    claim(
      'keeps one receipt of a row, also of one that is settled again, split or revived',
      keeping,
      async ({ spool }) => {
        receiptsOf(spool).keep(day);
        const records = await fill(spool, lane, 4);
        const batch = await sealNext(spool, lane, 3);
        await spool.split(batch);
        for (let half = await spool.sealed(lane); half !== undefined; half = await spool.sealed(lane)) {
          await spool.settle(half, 'landed');
          await spool.settle(half, 'landed');
        }
        await bury(spool, lane, 1);
        const [letter] = await spool.dead({});
        if (letter !== undefined) await spool.revive(letter);
        await land(spool, lane);
        same(
          'what has landed',
          (await landedIn(receiptsOf(spool), lane)).toSorted(),
          ids(records).toSorted(),
        );
      },
    ),

    claim('lets go of a receipt when its time is over', keeping, async ({ spool }) => {
      const receipts = receiptsOf(spool);
      receipts.keep(day);
      const [first] = await fill(spool, lane, 1);
      await land(spool, lane);
      receipts.keep(1);
      const [second] = await fill(spool, lane, 1);
      await land(spool, lane);
      await sleep(10);
      await spool.pending();
      same('receipts of what is over', await receipts.find(second?.requestId ?? ''), []);
      same('what is kept', await landedIn(receipts, lane), [first?.requestId]);
      receipts.keep(undefined);
      await fill(spool, lane, 1);
      await land(spool, lane);
      same('what is kept then', await landedIn(receipts, lane), [first?.requestId]);
      const { since, thrownAway } = await receipts.counts();
      same('whether the oldest has a time', (since?.getTime() ?? 0) > Date.now() - 60_000, true);
      same('how many were thrown away early', thrownAway, 0);
    }),
  ];
  if (limit === undefined) return claims;
  return [
    ...claims,
    claim(
      'keeps no more receipts than its share, the newest, and counts what it throws away',
      sharing,
      async ({ spool }) => {
        const receipts = receiptsOf(spool);
        receipts.keep(day);
        const sent: string[] = [];
        for (let more = 5, bytes = 0; more > 0 && bytes < limit; bytes += 4000 * 20) {
          sent.push(...ids(await fill(spool, lane, 4000)));
          await land(spool, lane);
          if ((await receipts.counts()).thrownAway > 0) more--;
        }
        const { bytes, thrownAway } = await receipts.counts();
        same('whether they take less than half of the spool', bytes < limit / 2, true);
        const kept = await landedIn(receipts, lane);
        same('what is kept or was thrown away', kept.length + thrownAway, sent.length);
        same('whether some were thrown away, and not all', [thrownAway > 0, kept.length > 0], [true, true]);
        same('what is kept', kept, sent.slice(-kept.length));
        await spool.check(AbortSignal.timeout(5_000));
      },
      limit,
    ),
  ];
}

/** Lands all that waits in the lane as one batch; gives its id. */
async function land(spool: Spool, lane: LaneId): Promise<string> {
  const batch = await sealNext(spool, lane, plenty.rows);
  await spool.settle(batch, 'landed');
  return batch.id;
}

async function summariesOf(receipts: Receipts, lane: LaneId): Promise<ReceiptsSummary[]> {
  const all: ReceiptsSummary[] = [];
  for await (const some of receipts.summaries(lane)) all.push(...some);
  return all;
}

/** The request ids of a lane's receipts, in the order in which they landed. */
export async function landedIn(receipts: Receipts, lane: LaneId): Promise<string[]> {
  const landed: string[] = [];
  for (const { id } of await summariesOf(receipts, lane)) {
    landed.push(...ids((await receipts.get(id))?.receipts ?? []));
  }
  return landed;
}

function receiptsOf({ receipts }: Spool): Receipts {
  if (receipts === undefined) throw new Error('the subject offers receipts, and the spool has none');
  return receipts;
}
