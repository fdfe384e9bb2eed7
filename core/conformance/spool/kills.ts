import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaneId, Spool } from '../../contract/spool.js';
import type { Child } from '../child.js';
import type { Claim } from '../claim.js';
import { same } from '../proof.js';
import { spread } from '../steps.js';
import { offered } from '../subject.js';
import type { AppendingOrder } from './appending-child.js';
import type { LoadingOrder } from './loading-child.js';
import { landedIn } from './receipts.js';
import { bury, fill, ids, lane, other, plenty, sealNext, settleAll, sum } from './records.js';
import { expectDepth, expectPending, type SpoolClaim, type Stage } from './stage.js';
import type { SpoolSubject } from './subject.js';

const durable = 'append resolves when the record would survive a crash';
const whole =
  'seal, split and settle are all or nothing, also when the process is killed at any instruction: a batch comes back the same under its id, or was never sealed';
const shared = 'several processes use one spool at once: nothing is skipped, nothing doubled';
const released = 'once closed, nothing keeps the process alive';

/** What only processes of their own can show: the suite starts them, and kills them. */
export function killClaims<S>(subject: SpoolSubject<S>, claim: SpoolClaim): Claim[] {
  if (offered('process', subject.process) === undefined) return [];
  return [
    claim('keeps every acknowledged record over SIGKILL at any moment', durable, async (stage) => {
      const acked: string[] = [];
      for (let round = 0; round < 6; round++) {
        const writer = append(stage, { lanes: [lane, other], inFlight: 64 });
        await saidSomething(writer);
        if (round > 0) await sleep(randomInt(0, 120));
        await writer.kill();
        acked.push(...writer.lines);
        const spool = await stage.open();
        for (const each of [lane, other]) {
          const rows = await spool.read(each, plenty);
          const found = new Set(ids(rows));
          const lost = acked.filter((id) => !found.has(id));
          same(`what was acknowledged and is not in ${each}`, lost, []);
          same(`the records that are in ${each} once`, found.size, rows.length);
          await expectDepth(spool, each, {
            records: rows.length,
            bytes: sum(rows),
            oldest: Math.min(...rows.map(({ timestamp }) => timestamp)),
          });
        }
        await spool.close();
      }
    }),

    claim(
      'loads what several processes append, each record once, while they append',
      shared,
      async (stage) => {
        const { spool } = stage;
        const writers = [1, 2, 3].map(() => append(stage, { lanes: [lane], inFlight: 32, count: 2000 }));
        let writing = true;
        const ended = Promise.all(writers.map((writer) => writer.done())).finally(() => {
          writing = false;
        });
        ended.catch(() => {});
        const landed: string[] = [];
        while (writing) {
          landed.push(...(await settleAll(spool, lane, 500)));
          await sleep(1);
        }
        await ended;
        landed.push(...(await settleAll(spool, lane, 500)));
        same('the number of records that landed', landed.length, 6000);
        same('the records that landed', landed.sort(), writers.flatMap(({ lines }) => lines).sort());
        await expectDepth(spool, lane, { records: 0, bytes: 0 });
      },
    ),

    claim('loses and doubles nothing when the loader is killed at every step', whole, async (stage) => {
      await stage.spool.close();
      const appended: string[] = [];
      const said: string[] = [];
      /** Loads some records until nothing is left, or until it kills itself; tells the steps it took. */
      const load = async (killAt?: number) => {
        const spool = await stage.open();
        appended.push(...ids(await fill(spool, lane, 40)));
        await spool.close();
        const loader = stage.start('loading-child', order({ rows: 20, once: true, killAt }));
        if ((await loader.end()) !== 'SIGKILL') await loader.done();
        const lines = loader.lines.filter((line) => line.startsWith('{'));
        said.push(...lines);
        return Number(loader.lines[lines.length]);
      };
      const steps = await load();
      for (const killAt of spread(steps, subject.kills)) {
        await load(killAt);
        const spool = await stage.claimed();
        await expectAccounted(spool, lane, said, appended);
        await spool.close();
      }
    }),

    claim('loses and doubles nothing when the loader is killed again and again', whole, async (stage) => {
      await stage.spool.close();
      const writer = append(stage, { lanes: [lane, other], inFlight: 8, count: 4000 });
      const said: string[] = [];
      for (let round = 0; round < 6; round++) {
        const loader = stage.start('loading-child', order({ rows: 40, once: false }));
        await loader.ready;
        await sleep(randomInt(0, 120));
        await loader.kill();
        same('what the loader complained of', loader.trouble, '');
        said.push(...loader.lines);
      }
      await writer.done();
      const spool = await stage.claimed();
      for (const each of [lane, other]) await expectAccounted(spool, each, said, writer.lines);
      await expectPending(spool, []);
    }),

    claim('gives a dead letter that two processes revive at once back once', shared, async (stage) => {
      const { spool } = stage;
      const records = await fill(spool, lane, 200);
      await bury(spool, lane, 200);
      const revivers = [1, 2].map(() => stage.start('reviving-child', {}));
      for (const reviver of revivers) await reviver.done();
      const counts = revivers.map(({ lines }) => Number(lines[0]));
      same(`how many each of them revived (${counts}), together`, (counts[0] ?? 0) + (counts[1] ?? 0), 200);
      same('what landed', (await settleAll(spool, lane)).sort(), ids(records).sort());
    }),

    claim('lets the process end once it is closed', released, async (stage) => {
      const writer = append(stage, { lanes: [lane], inFlight: 4, count: 20 });
      await writer.done();
      same('the number of records that it appended', writer.lines.length, 20);
    }),
  ];
}

function append(stage: Stage, order: AppendingOrder): Child {
  return stage.start('appending-child', order);
}

function order(part: Omit<LoadingOrder, 'lanes' | 'killAt'> & { killAt?: number | undefined }): LoadingOrder {
  const { killAt, ...rest } = part;
  return { ...rest, lanes: rest.once ? [lane] : [lane, other], ...(killAt !== undefined && { killAt }) };
}

async function saidSomething(child: Child): Promise<void> {
  await child.ready;
  for (let n = 0; child.lines.length === 0 && n < 5000; n++) await sleep(1);
}

/**
 * Loads what is left, and proves that each record landed in one batch, or died, or was discarded.
 * @param said what loaders wrote, the same batch twice where one was killed before it had settled it;
 * what is loaded here is added
 */
async function expectAccounted(
  spool: Spool,
  lane: LaneId,
  said: string[],
  appended: readonly string[],
): Promise<void> {
  spool.receipts?.keep(86_400_000);
  while ((await spool.depth(lane)).records > 0) {
    const batch = (await spool.sealed(lane)) ?? (await sealNext(spool, lane, 1000));
    said.push(JSON.stringify({ lane, id: batch.id, rows: ids(batch.rows) }));
    await spool.settle(batch, 'landed');
  }
  const written = new Map<string, readonly string[]>();
  for (const line of said) {
    const batch = JSON.parse(line) as Written;
    if (batch.lane !== lane) continue;
    const first = written.get(batch.id) ?? batch.rows;
    same(`the rows of batch ${batch.id}, written again after a kill`, batch.rows, first);
    written.set(batch.id, first);
  }
  const [pipeline = '', destination = ''] = lane.split('/');
  const dead = ids(await spool.dead({ pipeline, destination }));
  const discarded = ids((await spool.discards(100_000)).filter((entry) => entry.lane === lane));
  const [count] = (await spool.discardCounts()).filter((entry) => entry.lane === lane);
  same('the count of discards', count?.count ?? 0, discarded.length);
  const held = await spool.quarantine?.list({ pipeline });
  if (held !== undefined) {
    const here = held.filter((one) => one.lane === lane);
    same('what is held of what was discarded', ids(here).sort(), discarded.toSorted());
  }
  if (spool.receipts !== undefined) {
    const landed = [...written.values()].flat().sort();
    same('what has a receipt of what landed', (await landedIn(spool.receipts, lane)).sort(), landed);
  }
  const all = [...[...written.values()].flat(), ...dead, ...discarded];
  const different = new Set(all);
  const lost = appended.filter((id) => !different.has(id));
  const seen = { lost: lost.length, doubled: all.length - different.size, of: different.size };
  same('the records that landed, died or were discarded', seen, { lost: 0, doubled: 0, of: appended.length });
  await expectDepth(spool, lane, { records: 0, bytes: 0 });
}

interface Written {
  readonly lane: LaneId;
  readonly id: string;
  readonly rows: readonly string[];
}
