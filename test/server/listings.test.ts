import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { refused, within } from '../../core/conformance/index.js';
import type { Destination } from '../../core/contract/destination.js';
import { Outlet } from '../../core/delivery/outlet.js';
import { Listings } from '../../server/roles/listings.js';

const policy = {
  flush: { rows: 1, bytes: 1, every: 1 },
  concurrency: 1,
  haltAfter: 100,
  timeout: 1000,
};
const range = { from: 0, to: 1 };

/** A destination that lists so, and what became of the lists. */
function outletOf(list: (signal: AbortSignal) => AsyncGenerator<string[]>) {
  const seen = { begun: 0, ended: 0 };
  const destination = {
    open: async () => {},
    requestIds: async function* (_table: string, _range: object, signal: AbortSignal) {
      seen.begun++;
      try {
        yield* list(signal);
      } finally {
        seen.ended++;
      }
    },
  };
  return { outlet: new Outlet('slow', destination as unknown as Destination, policy), seen };
}

/** Pieces, each after so many milliseconds, unless the signal fires. */
const pieces = (count: number, after: number) =>
  async function* (signal: AbortSignal) {
    for (let n = 0; n < count; n++) {
      await sleep(after, undefined, { signal });
      yield [`id ${n}`];
    }
  };

describe('listings', () => {
  it('are gone on with by a cursor, to their end', async () => {
    const listings = new Listings();
    const { outlet, seen } = outletOf(pieces(2, 0));
    const first = await listings.begin(outlet, 't', range);
    const second = await listings.more(String(first.cursor));
    expect([first.ids, second.ids]).to.deep.equal([['id 0'], ['id 1']]);
    expect(await listings.more(String(second.cursor))).to.deep.equal({ ids: [] });
    expect(seen).to.deep.equal({ begun: 1, ended: 1 });
    const error = await refused(listings.more(String(first.cursor)));
    expect(error.message).to.include('begin it again');
  });

  it('answer that there is nothing yet while a warehouse reads, and lose nothing by it', async () => {
    const listings = new Listings({ answerAfter: 20, patience: 60_000 });
    const { outlet } = outletOf(pieces(2, 110));
    const found: string[] = [];
    let empty = 0;
    for (let page = await listings.begin(outlet, 't', range); ; page = await listings.more(page.cursor)) {
      found.push(...page.ids);
      if (page.ids.length === 0) empty++;
      if (page.cursor === undefined) break;
    }
    expect(found).to.deep.equal(['id 0', 'id 1']);
    expect(empty).to.be.greaterThan(4);
  });

  it('are open a few at a time, and it is said so', async () => {
    const listings = new Listings();
    const { outlet, seen } = outletOf(pieces(3, 0));
    const pages = [];
    for (let n = 0; n < 8; n++) pages.push(await listings.begin(outlet, 't', range));
    const error = await refused(listings.begin(outlet, 't', range));
    expect(error).to.have.property('status', 429);
    expect(seen.begun).to.equal(8);
    for (let page = pages[0]; page?.cursor !== undefined; ) page = await listings.more(page.cursor);
    await listings.begin(outlet, 't', range);
    listings.close();
  });

  it('end when nobody goes on with them', async () => {
    const listings = new Listings({ answerAfter: 1000, patience: 30 });
    const { outlet, seen } = outletOf(pieces(5, 0));
    const { cursor } = await listings.begin(outlet, 't', range);
    await sleep(100);
    expect(seen.ended).to.equal(1);
    await refused(listings.more(String(cursor)));
  });

  it('end when the role does, also those that are just being read, and none begins then', async () => {
    const listings = new Listings({ answerAfter: 50, patience: 60_000 });
    const { outlet, seen } = outletOf(pieces(2, 60_000));
    const waiting = await listings.begin(outlet, 't', range);
    const reading = refused(listings.begin(outlet, 't', range));
    await sleep(10);
    listings.close();
    expect((await within(1000, reading)).message).to.include('given up');
    await sleep(20);
    expect(seen).to.deep.equal({ begun: 2, ended: 2 });
    await refused(listings.more(String(waiting.cursor)));
    await refused(listings.begin(outlet, 't', range));
    expect(seen.begun).to.equal(2);
  });

  it('end when their destination is not in the configuration any more, and go on otherwise', async () => {
    const listings = new Listings();
    const [one, two] = [outletOf(pieces(3, 0)), outletOf(pieces(3, 0))];
    const pages = [
      await listings.begin(one.outlet, 't', range),
      await listings.begin(two.outlet, 't', range),
    ];
    listings.keepOnly([two.outlet]);
    await sleep(20);
    expect([one.seen.ended, two.seen.ended]).to.deep.equal([1, 0]);
    await refused(listings.more(String(pages[0]?.cursor)));
    expect((await listings.more(String(pages[1]?.cursor))).ids).to.deep.equal(['id 1']);
    listings.close();
  });
});
