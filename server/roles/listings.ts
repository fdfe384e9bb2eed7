import { randomUUID } from 'node:crypto';
import type { TimeRange } from '../../core/contract/destination.js';
import { ConfigError, RetryableError } from '../../core/contract/errors.js';
import type { Outlet } from '../../core/delivery/outlet.js';
import { Busy } from '../turns.js';

/** Each has something open in its warehouse. */
const mostListings = 8;

interface Times {
  /** Milliseconds after which an answer says that there is nothing yet: a warehouse may read for long. */
  readonly answerAfter: number;
  /** Milliseconds until a listing that nobody goes on with is given up. */
  readonly patience: number;
}

/** Some request ids of a listing, or none yet; where there may be more, the cursor by which they are asked for. */
export interface ListingPage {
  readonly ids: readonly string[];
  readonly cursor?: string;
}

interface Listing {
  readonly outlet: Outlet;
  readonly pages: AsyncIterator<readonly string[]>;
  readonly abort: AbortController;
  /** What has been asked of the warehouse, and not been answered yet. */
  pending?: Promise<IteratorResult<readonly string[]>> | undefined;
  /** While somebody may go on with it. */
  cursor?: string | undefined;
  timer?: NodeJS.Timeout;
}

/** Request ids of tables, which are listed a page at a time as somebody asks for them. */
export class Listings {
  /** Those that can be gone on with, by their cursors. */
  readonly #waiting = new Map<string, Listing>();
  readonly #all = new Set<Listing>();
  readonly #times: Times;
  #closed = false;

  constructor(times: Times = { answerAfter: 10_000, patience: 60_000 }) {
    this.#times = times;
  }

  async begin(outlet: Outlet, table: string, range: TimeRange): Promise<ListingPage> {
    if (this.#all.size >= mostListings) {
      throw new Busy(`${mostListings} listings are open already; ask again once one is done or given up`);
    }
    const abort = new AbortController();
    const pages = requestIdsOf(outlet, table, range, abort.signal);
    return await this.#next({ outlet, pages, abort });
  }

  /** @throws ConfigError when there is no such listing any more */
  async more(cursor: string): Promise<ListingPage> {
    const listing = this.#waiting.get(cursor);
    if (listing === undefined) throw new ConfigError('the listing was given up meanwhile; begin it again');
    this.#hold(listing);
    return await this.#next(listing);
  }

  /** Gives up those of other outlets: these are about to be closed. */
  keepOnly(outlets: Iterable<Outlet>): void {
    const kept = new Set(outlets);
    for (const listing of [...this.#all]) if (!kept.has(listing.outlet)) this.#giveUp(listing);
  }

  close(): void {
    this.#closed = true;
    this.keepOnly([]);
  }

  async #next(listing: Listing): Promise<ListingPage> {
    if (this.#closed) throw new RetryableError('the server is shutting down');
    this.#all.add(listing);
    let late: NodeJS.Timeout | undefined;
    const nothingYet = new Promise<undefined>((resolve) => {
      late = setTimeout(() => resolve(undefined), this.#times.answerAfter);
    });
    try {
      listing.pending ??= listing.pages.next();
      const page = await Promise.race([listing.pending, nothingYet]);
      if (page !== undefined) listing.pending = undefined;
      if (page?.done) {
        this.#all.delete(listing);
        return { ids: [] };
      }
      return { ids: page?.value ?? [], cursor: this.#keep(listing) };
    } catch (error) {
      const { signal } = listing.abort;
      const reason: unknown = signal.aborted ? signal.reason : error;
      this.#giveUp(listing);
      throw reason;
    } finally {
      clearTimeout(late);
    }
  }

  #keep(listing: Listing): string {
    listing.abort.signal.throwIfAborted();
    const cursor = randomUUID();
    listing.cursor = cursor;
    this.#waiting.set(cursor, listing);
    listing.timer = setTimeout(() => this.#giveUp(listing), this.#times.patience);
    listing.timer.unref();
    return cursor;
  }

  /** Nobody else goes on with it now. */
  #hold(listing: Listing): void {
    clearTimeout(listing.timer);
    if (listing.cursor !== undefined) this.#waiting.delete(listing.cursor);
    listing.cursor = undefined;
  }

  #giveUp(listing: Listing): void {
    this.#all.delete(listing);
    this.#hold(listing);
    listing.abort.abort(new RetryableError('the listing was given up'));
    listing.pending?.catch(() => undefined);
    listing.pages.return?.().catch(() => undefined);
  }
}

/** @throws ConfigError when the destination cannot list them */
export async function* requestIdsOf(
  outlet: Outlet,
  table: string,
  range: TimeRange,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  const { destination } = outlet;
  if (destination.requestIds === undefined) {
    throw new ConfigError(
      `destination ${outlet.name} cannot list its request ids; compare them in the warehouse itself`,
    );
  }
  await outlet.open(signal);
  yield* destination.requestIds(table, range, signal);
}
