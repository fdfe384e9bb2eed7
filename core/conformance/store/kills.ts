import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Claim } from '../claim.js';
import { same, that } from '../proof.js';
import { offered } from '../subject.js';
import { change, contents, leased, listed, makePage, put, type StoreClaim } from './stage.js';
import type { StoreSubject } from './subject.js';

const durable =
  'what has resolved is there after the process was killed; what had not is there whole or not at all';

/** Milliseconds, of the process that is killed. */
const leaseOfChild = 100;

/** What only a process of its own can show: the suite starts it, and kills it. */
export function killClaims<S>(subject: StoreSubject<S>, claim: StoreClaim): Claim[] {
  if (offered('process', subject.process) === undefined) return [];
  return [
    claim('keeps what has resolved, and no part of what has not, over SIGKILL', durable, async (stage) => {
      let resolved = 0;
      for (let round = 0; round < 5; round++) {
        const writer = stage.start('writing-child', { from: resolved, ttl: leaseOfChild });
        await writer.ready;
        await sleep(randomInt(0, 150));
        await writer.kill();
        // The one under way may have happened or not.
        resolved = Math.max(resolved, Number(writer.lines.at(-1) ?? -1) + 1);
        const other = await stage.open();
        const rows = await listed(other, { limit: 100_000 });
        const pages = await contents(other);
        that(
          'the entries',
          rows.length === resolved || rows.length === resolved + 1,
          `${resolved}, or one more`,
          rows.length,
        );
        same('the pages, of which each transaction appends two', pages.length, rows.length * 2);
        same('the pages', new Set(pages).size, pages.length);
        resolved = rows.length;
      }
      await stage.expire(leaseOfChild);
      const lease = await leased(stage.store);
      await change(stage.store, lease, put('afterwards', 'it goes on'));
      await stage.store.append([makePage()]);
    }),
  ];
}
