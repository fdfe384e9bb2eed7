import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../../contract/chart.js';
import { seriesBatch } from '../batches.js';
import type { Claim } from '../claim.js';
import { retrying, same, that } from '../proof.js';
import { spread } from '../steps.js';
import { offered } from '../subject.js';
import { type DestinationClaim, expectRows, type Stage } from './stage.js';
import type { DestinationSubject } from './subject.js';
import type { WritingOrder, WritingPart } from './writing-child.js';

const killed =
  'a batch is stored wholly or not at all, also when the process is killed at any instruction, and then again is once';
const released = 'once closed, nothing keeps the process alive, also after an open or a write that failed';

/** What only a process of its own can show: the suite starts it, and kills it. */
export function killClaims(subject: DestinationSubject, claim: DestinationClaim): Claim[] {
  const location = offered('process', subject.process);
  if (location === undefined) return [];
  const size = Math.min(subject.limits.killed ?? 1500, subject.limits.rows);
  const start = (stage: Stage, part: WritingPart) =>
    stage.start('writing-child', {
      ...location(),
      ...part,
      table: stage.table,
      series: stage.table,
    } satisfies WritingOrder);
  const rowsOf = (stage: Stage, n: number) => seriesBatch(stage.table, stage.table, n, size).rows;

  return [
    claim('stores a batch once though it was killed at every step of its write', killed, async (stage) => {
      await stage.ready();
      await stage.close();
      const counting = start(stage, { from: 0, count: 1, size });
      await counting.done();
      const steps = Number(counting.lines.at(-1));
      const expected = [...rowsOf(stage, 0)];
      for (const [at, killAt] of spread(steps, subject.kills).entries()) {
        const n = at + 1;
        const writer = start(stage, { from: n, count: 1, size, killAt });
        // A write does not take the same number of steps each time: it may have ended before.
        if ((await writer.end()) !== 'SIGKILL') await writer.done();
        expectWholeOrNone(
          await stage.rows(),
          expected,
          rowsOf(stage, n),
          `killed at step ${killAt} of ${steps}`,
        );
        expected.push(...rowsOf(stage, n));
        await rewrite(stage, n, size);
        expectRows(await stage.rows(), expected);
      }
    }),

    claim('keeps a batch whose write has resolved, killed at once', killed, async (stage) => {
      const writer = start(stage, { from: 0, count: 1, size, killAt: 'the end' });
      same('the process that kills itself after the write', await writer.end(), 'SIGKILL');
      await stage.holds(rowsOf(stage, 0));
      await rewrite(stage, 0, size);
      await stage.holds(rowsOf(stage, 0));
    }),

    claim('holds every row once after kills at random moments and replays', killed, async (stage) => {
      const expected: Row[] = [];
      let next = 0;
      for (let round = 0; round < 6; round++) {
        const writer = start(stage, { from: next, count: 1e6, size });
        await writer.ready;
        await sleep(randomInt(0, 120));
        await writer.kill();
        // What was under way when it died: it may have landed or not.
        const last = Number(writer.lines.at(-1) ?? next - 1) + 1;
        for (let n = next; n < last; n++) expected.push(...rowsOf(stage, n));
        expectWholeOrNone(await stage.rows(), expected, rowsOf(stage, last), 'killed at a random moment');
        for (let n = next; n <= last; n++) await rewrite(stage, n, size);
        expected.push(...rowsOf(stage, last));
        next = last + 1;
      }
      await stage.holds(expected);
    }),

    claim('adds a batch once when two processes write it at once', killed, async (stage) => {
      const writers = [0, 1].map(() => start(stage, { from: 0, count: 5, size }));
      for (const writer of writers) await writer.done();
      await stage.holds([0, 1, 2, 3, 4].flatMap((n) => rowsOf(stage, n)));
    }),

    claim('lets the process end once it is closed', released, async (stage) => {
      const writer = start(stage, { from: 0, count: 2, size, alsoFail: true });
      await writer.done();
      await stage.holds([0, 1].flatMap((n) => rowsOf(stage, n)));
    }),
  ];
}

async function rewrite(stage: Stage, n: number, size: number): Promise<void> {
  const destination = await stage.ready();
  const batch = seriesBatch(stage.table, stage.table, n, size);
  await retrying(() => destination.write(batch, stage.signal));
  await stage.close();
}

/** All rows that had landed before, and of the batch that was cut off all or none. */
function expectWholeOrNone(
  landed: readonly Row[],
  before: readonly Row[],
  batch: readonly Row[],
  when: string,
): void {
  const ids = new Set(batch.map(({ requestId }) => requestId));
  const found = landed.filter(({ requestId }) => ids.has(requestId)).length;
  const none = found === 0;
  that(`rows of the batch, ${when}`, none || found === batch.length, `0 or ${batch.length}`, found);
  expectRows(landed, none ? before : [...before, ...batch]);
}
