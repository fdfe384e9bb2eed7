import { randomBytes, randomInt } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { PageHead } from '../../contract/spool-store.js';
import type { Claim } from '../claim.js';
import { refusedAs, same } from '../proof.js';
import { offered } from '../subject.js';
import { allPages, change, contents, did, leased, makePage, put, type StoreClaim, textOf } from './stage.js';
import type { StoreSubject } from './subject.js';

const keeping =
  'append keeps pages as they are, all or none, for every look that begins once it has resolved';
const once =
  'a chain of cursors gives each page once, however late it is committed, and those of a writer in order';
const dropping =
  'a dropped page is gone for every look that begins afterwards, and its id is never given again';
const limiting =
  'usage tells what is taken, and a store that is full refuses appends with an OverloadedError, and no drop';

export function pageClaims<S>(subject: StoreSubject<S>, claim: StoreClaim): Claim[] {
  const limit = offered('limit', subject.limit);
  const claims = [
    claim('is empty when it is new', keeping, async ({ store }) => {
      const { heads, more } = await store.pages(subject.shards, undefined, 10);
      same('the pages', [heads, more], [[], false]);
      same(
        'the entries of a table',
        await store.range('t', Buffer.of(), Buffer.of(255), { limit: 9, bytes: 9 }),
        [],
      );
      same('why it takes no append', (await store.usage(AbortSignal.timeout(5000))).refuses, undefined);
    }),

    claim('gives a page back as it was appended, in another view', keeping, async ({ store, open }) => {
      const page = makePage({
        lane: '835212/wärehouse',
        rows: 3,
        bytes: 7,
        unverified: 5,
        oldest: 1577015690.25,
      });
      const other = await open();
      await store.append([page]);
      const { heads } = await allPages(other);
      const { id, ...head } = heads[0] as PageHead;
      const { data, ...expected } = page;
      same('its head', head, expected);
      same('its bytes', textOf((await other.read([id]))[0]), textOf(data));
    }),

    claim('keeps pages of 1 byte and of 10 MiB byte for byte', keeping, async ({ store, open }) => {
      const large = randomBytes(10 * 1024 ** 2);
      const given = Buffer.from(large);
      await store.append([makePage({ data: Buffer.of(0) }), makePage({ data: given })]);
      given.fill(1);
      const { heads } = await allPages(await open());
      const [small, read] = await store.read(heads.map(({ id }) => id));
      same('the small one', small && [...small], [0]);
      same('whether the large one is as it was', read !== undefined && large.equals(read), true);
    }),

    claim('keeps the pages of a call together, also over shards', keeping, async ({ store }) => {
      const pages = subject.shards.map((shard) => makePage({ shard }));
      await store.append(pages);
      same(
        'all',
        (await contents(store, subject.shards)).toSorted(),
        pages.map(({ data }) => textOf(data)).toSorted(),
      );
      for (const [at, shard] of subject.shards.entries()) {
        same(`those of shard ${shard}`, await contents(store, [shard]), [textOf(pages[at]?.data)]);
      }
    }),

    claim('lists them in parts of so many, and says whether there are more', once, async ({ store }) => {
      const pages = Array.from({ length: 10 }, () => makePage());
      await store.append(pages);
      const first = await store.pages([0], undefined, 4);
      same('the first part', [first.heads.length, first.more], [4, true]);
      const { heads } = await allPages(store, [0], first.cursor, 3);
      const read = await store.read([...first.heads, ...heads].map(({ id }) => id));
      same(
        'all',
        read.map(textOf),
        pages.map(({ data }) => textOf(data)),
      );
    }),

    claim(
      'gives each page once while several writers append and one reads',
      once,
      async ({ store, open }) => {
        const writers = await Promise.all([open(), open(), open()]);
        let writing = true;
        const appended: string[][] = writers.map(() => []);
        const done = Promise.all(
          writers.map(async (writer, number) => {
            for (let n = 0; n < 60; n++) {
              const text = `${number} ${n}`;
              // Large ones are under way for longer than those that come after them.
              const data = Buffer.alloc(randomInt(2) === 0 ? 200_000 : 1, ' ');
              await writer.append([makePage({ data: Buffer.concat([Buffer.from(`${text}|`), data]) })]);
              appended[number]?.push(text);
            }
          }),
        ).finally(() => {
          writing = false;
        });
        const ids: string[] = [];
        let cursor: string | undefined;
        for (let last = false; !last; ) {
          last = !writing;
          const list = await allPages(store, [0], cursor, 5);
          ids.push(...list.heads.map(({ id }) => id));
          cursor = list.cursor;
          await setImmediate();
        }
        await done;
        same('the number of pages, and of different ones', [ids.length, new Set(ids).size], [180, 180]);
        const read = (await store.read(ids)).map((data) => textOf(data)?.split('|')[0]);
        for (const [number, expected] of appended.entries()) {
          const own = read.filter((text) => text?.startsWith(`${number} `));
          same(`those of writer ${number}, in its order`, own, expected);
        }
      },
    ),

    claim('gives what was appended before, to whoever begins anew', once, async ({ store, open }) => {
      await store.append([makePage(), makePage()]);
      const { cursor } = await allPages(store);
      await store.append([makePage()]);
      const { heads } = await allPages(store, [0], cursor);
      same('behind the cursor', heads.length, 1);
      same('from the beginning', (await allPages(await open())).heads.length, 3);
    }),

    claim('drops pages, and gives their ids to no other', dropping, async ({ store, open }) => {
      const lease = await leased(store);
      await store.append([makePage(), makePage(), makePage()]);
      const { heads, cursor } = await allPages(store);
      const [one, two, three] = heads.map(({ id }) => id) as [string, string, string];
      await did(store, { leases: [lease], drop: [one, three] });
      await did(store, { leases: [lease], drop: [one] });
      const other = await open();
      same(
        'what is listed',
        (await allPages(other)).heads.map(({ id }) => id),
        [two],
      );
      const read = await other.read([one, two, three]);
      same(
        'what is read',
        read.map((data) => data !== undefined),
        [false, true, false],
      );
      await store.append([makePage(), makePage()]);
      const later = (await allPages(store, [0], cursor)).heads.map(({ id }) => id);
      same(
        'ids of before',
        later.filter((id) => [one, two, three].includes(id)),
        [],
      );
      same('what is new', later.length, 2);
    }),
  ];
  if (limit === undefined) return claims;
  return [
    ...claims,
    claim(
      'refuses appends when it is full, and takes them again when there is room',
      limiting,
      async ({ store }) => {
        const lease = await leased(store);
        const data = Buffer.alloc(Math.ceil(limit / 8), 'x');
        const used = async () => (await store.usage(AbortSignal.timeout(5000))).used;
        const empty = await used();
        let taken = 0;
        const fill = async () => {
          for (; taken < 100; taken++) await store.append([makePage({ data })]);
        };
        await refusedAs('overloaded', 'an append to a full store', fill());
        same('whether it took some, and not all', taken > 3 && taken < 20, true);
        await change(store, lease, put('a key', 'is still taken'));
        await did(store, { leases: [lease], drop: (await allPages(store)).heads.map(({ id }) => id) });
        await store.append([makePage({ data })]);
        same('whether usage has followed', (await used()) - empty < limit / 2, true);
      },
      limit,
    ),
  ];
}
