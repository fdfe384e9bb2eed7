import { randomUUID } from 'node:crypto';
import type { TimeRange } from '../../core/destination.js';
import { ConfigError } from '../../core/errors.js';
import type { Outlet } from '../../core/outlet.js';

/** Milliseconds until a listing that nobody goes on with is closed. */
const patience = 60_000;

/** Some request ids of a listing; where there may be more, the cursor by which they are asked for. */
export interface ListingPage {
  readonly ids: readonly string[];
  readonly cursor?: string;
}

interface Listing {
  readonly pages: AsyncIterator<readonly string[]>;
  readonly abort: AbortController;
  readonly timer: NodeJS.Timeout;
}

/** Request ids of tables, which are listed a page at a time as somebody asks for them. */
export class Listings {
  readonly #listings = new Map<string, Listing>();

  async begin(outlet: Outlet, table: string, range: TimeRange): Promise<ListingPage> {
    const abort = new AbortController();
    const pages = (await requestIdsOf(outlet, table, range, abort.signal))[Symbol.asyncIterator]();
    return await this.#next(pages, abort);
  }

  /** @throws ConfigError when there is no such listing any more */
  async more(cursor: string): Promise<ListingPage> {
    const listing = this.#listings.get(cursor);
    if (listing === undefined) throw new ConfigError('the listing was given up meanwhile; begin it again');
    this.#listings.delete(cursor);
    clearTimeout(listing.timer);
    return await this.#next(listing.pages, listing.abort);
  }

  close(): void {
    for (const { abort, timer, pages } of this.#listings.values()) giveUp(abort, timer, pages);
    this.#listings.clear();
  }

  async #next(pages: AsyncIterator<readonly string[]>, abort: AbortController): Promise<ListingPage> {
    const timeout = setTimeout(
      () => abort.abort(new Error('the warehouse did not answer in time')),
      patience,
    );
    const page = await pages.next().finally(() => clearTimeout(timeout));
    if (page.done) return { ids: [] };
    const cursor = randomUUID();
    const timer = setTimeout(() => {
      this.#listings.delete(cursor);
      giveUp(abort, timer, pages);
    }, patience);
    this.#listings.set(cursor, { pages, abort, timer });
    return { ids: page.value, cursor };
  }
}

/** @throws ConfigError when the destination cannot list them */
export async function requestIdsOf(
  outlet: Outlet,
  table: string,
  range: TimeRange,
  signal: AbortSignal,
): Promise<AsyncIterable<readonly string[]>> {
  const { destination } = outlet;
  if (destination.requestIds === undefined) {
    throw new ConfigError(
      `destination ${outlet.name} cannot list its request ids; compare them in the warehouse itself`,
    );
  }
  await outlet.open(signal);
  return destination.requestIds(table, range, signal);
}

function giveUp(abort: AbortController, timer: NodeJS.Timeout, pages: AsyncIterator<unknown>): void {
  clearTimeout(timer);
  abort.abort(new Error('nobody asks for more'));
  pages.return?.().catch(() => undefined);
}
