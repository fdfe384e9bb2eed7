import { randomBytes } from 'node:crypto';
import type { Change } from '../../contract/spool-store.js';
import type { Claim } from '../claim.js';
import { refused, same } from '../proof.js';
import {
  add,
  allPages,
  bytesOf,
  change,
  contents,
  did,
  leased,
  listed,
  makePage,
  put,
  remove,
  type StoreClaim,
  shown,
  textOf,
} from './stage.js';

const ordered =
  'a table gives its entries in the order of their bytes, within the limits, each table by itself';
const whole =
  'a transaction happens whole or not at all, and is seen by every look that begins once it has resolved';
const expecting =
  'a transaction of which an expectation fails changes nothing, and says so; of several at once one is right';
const counting = 'what is added to a key is summed up, whoever adds at the same time';

export function tableClaims(claim: StoreClaim): Claim[] {
  return [
    claim('puts, replaces and removes entries', whole, async ({ store, open }) => {
      const lease = await leased(store);
      await change(store, lease, put('a', '1'), put('b', '2'), put('a', 'other', 'u'));
      await change(store, lease, put('a', '3'), remove('b'), remove('not there'), put('c', ''));
      const other = await open();
      same('table t', await listed(other), ['a: 3', 'c: ']);
      same('table u', await listed(other, { table: 'u' }), ['a: other']);
      const got = await other.get('t', ['c', 'b', 'a', 'a'].map(bytesOf));
      same(
        'by their keys',
        got.map((entry) => entry && shown(entry)),
        ['c: ', undefined, 'a: 3', 'a: 3'],
      );
    }),

    claim('orders keys by their bytes', ordered, async ({ store }) => {
      const lease = await leased(store);
      const keys = [
        Buffer.of(0),
        Buffer.of(0, 0),
        Buffer.of(1),
        Buffer.of(9, 255),
        Buffer.of(10),
        Buffer.of(128),
        Buffer.of(254, 1),
      ];
      keys.push(Buffer.alloc(255, 200));
      const changes = keys.map((key, at): Change => ({ put: 't', key, value: bytesOf(String(at)) }));
      await did(store, { leases: [lease], changes: changes.toReversed() });
      const order = async (from: Uint8Array, to: Uint8Array, limit = 100) =>
        (await store.range('t', from, to, { limit, bytes: 1e6 })).map(({ value }) => textOf(value)).join(' ');
      same('all', await order(Buffer.of(), Buffer.of(255)), '0 1 2 3 4 5 7 6');
      same('from one to another, which is not in it', await order(Buffer.of(0, 0), Buffer.of(10)), '1 2 3');
      same('from what is not there', await order(Buffer.of(2), Buffer.of(11)), '3 4');
      same('three', await order(Buffer.of(), Buffer.of(255), 3), '0 1 2');
    }),

    claim('gives no more bytes than asked for, but one entry however large', ordered, async ({ store }) => {
      const lease = await leased(store);
      await change(store, lease, ...['a', 'b', 'c'].map((key) => put(key, 'x'.repeat(1000))));
      const count = async (bytes: number) => (await listed(store, { bytes })).length;
      same(
        'within 2000, 1999 and 1 bytes',
        [await count(2000), await count(1999), await count(1)],
        [2, 1, 1],
      );
    }),

    claim(
      'keeps a value of 16 MiB, and thousands of changes in one transaction',
      whole,
      async ({ store, open }) => {
        const lease = await leased(store);
        const large = randomBytes(16 * 1024 ** 2);
        await did(store, { leases: [lease], changes: [{ put: 'large', key: bytesOf('k'), value: large }] });
        const [entry] = await (await open()).get('large', [bytesOf('k')]);
        same('whether it is as it was', entry !== undefined && large.equals(entry.value), true);
        const name = (n: number) => String(n).padStart(5, '0');
        await change(store, lease, ...Array.from({ length: 20_000 }, (_, n) => put(name(n), name(n))));
        const all = await listed(store, { limit: 50_000 });
        same('how many, and the last', [all.length, all.at(-1)], [20_000, '19999: 19999']);
      },
    ),

    claim('changes tables and pages in one step', whole, async ({ store }) => {
      const lease = await leased(store);
      await store.append([makePage(), makePage()]);
      const [page] = (await allPages(store)).heads;
      const back = makePage();
      await did(store, { leases: [lease], changes: [put('a', '1')], drop: [page?.id ?? ''], append: [back] });
      same('the entries', await listed(store), ['a: 1']);
      same('the last page', (await contents(store)).at(-1), textOf(back.data));
      same('how many pages', (await contents(store)).length, 2);
    }),

    claim('does nothing where an expectation fails', expecting, async ({ store }) => {
      const lease = await leased(store);
      await change(store, lease, put('a', '1'));
      const expect = (key: string, there: boolean) => [{ table: 't', key: bytesOf(key), there }];
      const changes = [put('b', '2')];
      const append = [makePage()];
      const some = { leases: [lease], changes, append };
      same('one that is not there', await store.transact({ ...some, expect: expect('x', true) }), false);
      same('one that is', await store.transact({ ...some, expect: expect('a', false) }), false);
      const both = [...expect('a', true), ...expect('x', true)];
      same('one of two', await store.transact({ ...some, expect: both }), false);
      same('what is there', [await listed(store), await contents(store)], [['a: 1'], []]);
      await did(store, { ...some, expect: [...expect('a', true), ...expect('x', false)] });
      same(
        'what is there then',
        [await listed(store), (await contents(store)).length],
        [['a: 1', 'b: 2'], 1],
      );
    }),

    claim('lets one of several have what all expect, without a lease', expecting, async ({ store, open }) => {
      await change(store, await leased(store), put('letter', 'x'));
      const views = [store, await open(), await open(), await open()];
      const expect = [{ table: 't', key: bytesOf('letter'), there: true }];
      const tries = views.map((view) =>
        view.transact({ leases: [], expect, changes: [remove('letter')], append: [makePage()] }),
      );
      same('who had it', (await Promise.all(tries)).filter(Boolean).length, 1);
      same('what is there', [await listed(store), (await contents(store)).length], [[], 1]);
      await refused(
        store.transact({ leases: [], changes: [put('a', '1')] }),
        'a change without lease or expectation',
      );
      same('what is there then', await listed(store), []);
    }),

    claim('sums up what several add at once', counting, async ({ store, open }) => {
      const lease = await leased(store);
      const views = [store, await open(), await open()];
      const adding = views.map(async (view) => {
        for (let n = 0; n < 30; n++) await change(view, lease, add('count', 2), add('other', -1));
      });
      await Promise.all(adding);
      same('the sums', await listed(store), ['count:  + 180', 'other:  + -90']);
      await change(store, lease, remove('count'));
      await change(store, lease, add('count', 5));
      same('one that was removed begins at 0', (await listed(store))[0], 'count:  + 5');
    }),
  ];
}
