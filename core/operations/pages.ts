import type { HeldDiscard, HeldFilter, Quarantine } from '../contract/quarantine.js';
import type { DeadFilter, DeadLetter, Spool } from '../contract/spool.js';

/** What is in memory at a time. */
const page = { limit: 100, bytes: 16 * 1024 * 1024 } as const;

/** The dead letters of a filter, some at a time however many there are. */
export function deadPages(spool: Spool, filter: DeadFilter): AsyncGenerator<readonly DeadLetter[]> {
  return pages<DeadLetter, DeadFilter>(
    (part) => spool.dead(part),
    filter,
    ({ diedAt }) => diedAt,
  );
}

/** What is held of the filter's, likewise. */
export function heldPages(
  quarantine: Quarantine,
  filter: HeldFilter,
): AsyncGenerator<readonly HeldDiscard[]> {
  return pages<HeldDiscard, HeldFilter>(
    (part) => quarantine.list(part),
    filter,
    ({ discardedAt }) => discardedAt,
  );
}

interface PageFilter<T> {
  readonly after?: T;
  readonly limit?: number;
  readonly bytes?: number;
}

/**
 * What came after the begin is left out: else whoever puts back what is listed would meet it again. What seems
 * to come from the future was there before, and somebody has set the clock back since.
 */
async function* pages<T, F>(
  list: (filter: F & PageFilter<T>) => Promise<T[]>,
  filter: F & { readonly limit?: number },
  cameAt: (item: T) => Date,
): AsyncGenerator<readonly T[]> {
  const begun = new Date();
  let left = filter.limit ?? Number.POSITIVE_INFINITY;
  let after: T | undefined;
  while (left > 0) {
    const from = after === undefined ? {} : { after };
    const items = await list({ ...filter, ...page, ...from, limit: Math.min(left, page.limit) });
    if (items.length === 0) return;
    const now = new Date();
    const old = items.filter((item) => cameAt(item) <= begun || cameAt(item) > now);
    if (old.length > 0) yield old;
    left -= old.length;
    after = items.at(-1);
  }
}
