import { makeBatch, makeRows, seriesBatch } from '../batches.js';
import type { Claim } from '../claim.js';
import { retrying, same } from '../proof.js';
import { spread } from '../steps.js';
import { offered } from '../subject.js';
import { type DestinationClaim, expectRows } from './stage.js';
import type { DestinationSubject } from './subject.js';
import type { WritingOrder } from './writing-child.js';

const voids =
  'retire tells a batch that landed from one that did not, and of that no try of a dead process lands any more';

/** Of destinations that have `retire`; the others say nothing of it, and hold to nothing. */
export function retiringClaims(subject: DestinationSubject, claim: DestinationClaim): Claim[] {
  const size = Math.min(500, subject.limits.rows);
  const claims = [
    claim('gives a batch up, once it is told that it has landed or never will', voids, async (stage) => {
      const destination = await stage.ready();
      const other = await stage.open();
      const [landed, given] = [makeBatch(stage.table, makeRows(2)), makeBatch(stage.table, makeRows(4))];
      await destination.write(landed, stage.signal);
      for (const each of [destination, other]) {
        same('a batch that has landed', (await each.retire?.(landed, stage.signal)) ?? 'landed', 'landed');
        same('one that has not', (await each.retire?.(given, stage.signal)) ?? 'void', 'void');
      }
      for (const half of [given.rows.slice(0, 2), given.rows.slice(2)]) {
        await other.write(makeBatch(stage.table, half), stage.signal);
      }
      await stage.holds([...landed.rows, ...given.rows]);
    }),
  ];
  const location = offered('process', subject.process);
  if (location === undefined) return claims;
  return [
    ...claims,
    claim('lands each row once where a batch that killed its process is divided', voids, async (stage) => {
      const destination = await stage.ready();
      if (destination.retire === undefined) return;
      await stage.close();
      const start = (part: Pick<WritingOrder, 'from' | 'killAt'>) =>
        stage.start('writing-child', {
          ...location(),
          table: stage.table,
          series: stage.table,
          count: 1,
          size,
          ...part,
        } satisfies WritingOrder);
      const counting = start({ from: 0 });
      await counting.done();
      const batchOf = (n: number) => seriesBatch(stage.table, stage.table, n, size);
      const expected = [...batchOf(0).rows];
      for (const [at, killAt] of spread(
        Number(counting.lines.at(-1)),
        Math.min(subject.kills ?? 4, 4),
      ).entries()) {
        const batch = batchOf(at + 1);
        await start({ from: at + 1, killAt }).end();
        const again = await stage.ready();
        const retired = await retrying(async () => again.retire?.(batch, stage.signal));
        if (retired === 'void') {
          for (const half of [batch.rows.slice(0, size >> 1), batch.rows.slice(size >> 1)]) {
            await again.write(makeBatch(stage.table, half), stage.signal);
          }
        }
        expected.push(...batch.rows);
        expectRows(await stage.rows(), expected);
      }
    }),
  ];
}
