import type { Lease } from '../../contract/spool-store.js';
import type { Claim } from '../claim.js';
import { refusedAs, same } from '../proof.js';
import {
  allPages,
  change,
  did,
  leased,
  listed,
  long,
  makePage,
  owner,
  put,
  type StoreClaim,
} from './stage.js';
import type { StoreSubject } from './subject.js';

const exclusive = 'a shard has one owner at a time, until its lease runs out or is given back';
const fencing = 'a transaction whose lease is over changes nothing, and is refused with a FencedError';
const raising = 'whoever takes a shard over has a higher epoch than all before; anew raises one of its own';

export function leaseClaims<S>(subject: StoreSubject<S>, claim: StoreClaim): Claim[] {
  return [
    claim('leases a shard to one owner at a time', exclusive, async ({ store, open }) => {
      const [one, two] = [owner(), owner()];
      const other = await open();
      const [lease] = await store.lease(one, [0], long);
      same('what the first gets', lease && [lease.shard, lease.owner], [0, one]);
      same('what the second gets', await other.lease(two, [0], long), []);
      same('what the first has when it renews', await store.lease(one, [0], long), [lease]);
      same('what it has when it asks for nothing', await store.lease(one, [], long), [lease]);
      same('what it has once it gave it back', await store.lease(one, [0], 0), []);
      same(
        'what the second gets then',
        (await other.lease(two, [0], long)).map(({ shard }) => shard),
        [0],
      );
      const wanting = await Promise.all(
        subject.shards.map((_, at) => store.lease(`${one}${at}`, subject.shards, long)),
      );
      const taken = wanting.flat().map(({ shard }) => shard);
      same(
        'shards that several wanted at once',
        taken.toSorted(),
        subject.shards.filter((shard) => shard !== 0),
      );
    }),

    claim(
      'fences whoever was taken over, once its lease has run out',
      fencing,
      async ({ store, open, expire }) => {
        const other = await open();
        const [former] = (await store.lease(owner(), [0], 50)) as [Lease];
        await change(store, former, put('a', 'of the first'));
        await expire(50);
        const lease = await leased(other);
        same('whether the epoch is higher', lease.epoch > former.epoch, true);
        await change(other, lease, put('b', 'of the second'));
        await store.append([makePage()]);
        const [page] = (await allPages(store)).heads;
        await refusedAs(
          'fenced',
          'a transaction of the first',
          store.transact({
            leases: [former],
            changes: [put('a', 'again'), put('c', 'new')],
            drop: [page?.id ?? ''],
            append: [makePage()],
          }),
        );
        same('what is there', await listed(other), ['a: of the first', 'b: of the second']);
        same('how many pages', (await allPages(other)).heads.length, 1);
      },
    ),

    claim(
      'fences an owner whose lease has run out, though nobody took it over',
      fencing,
      async ({ store, expire }) => {
        const who = owner();
        const [lease] = (await store.lease(who, [0], 50)) as [Lease];
        await expire(50);
        await refusedAs(
          'fenced',
          'a transaction',
          store.transact({ leases: [lease], changes: [put('a', '1')] }),
        );
        const [again] = (await store.lease(who, [0], long)) as [Lease];
        await change(store, again, put('a', '2'));
        same('what is there', await listed(store), ['a: 2']);
      },
    ),

    claim('fences a transaction of which one lease of several is over', fencing, async ({ store }) => {
      const who = owner();
      const leases = await store.lease(who, subject.shards, long);
      same('what it has', leases.map(({ shard }) => shard).toSorted(), subject.shards.toSorted());
      await did(store, { leases, changes: [put('a', '1')] });
      const last = leases.at(-1) as Lease;
      await store.lease(who, [last.shard], 0);
      await refusedAs('fenced', 'a transaction', store.transact({ leases, changes: [put('a', '2')] }));
      same('what is there', await listed(store), ['a: 1']);
    }),

    claim('ends an epoch of its own, where its owner leases anew', raising, async ({ store, open }) => {
      const who = owner();
      const [former] = (await store.lease(who, [0], long)) as [Lease];
      const [lease] = (await (await open()).lease(who, [0], long, true)) as [Lease];
      same('whether the epoch is higher', lease.epoch > former.epoch, true);
      await refusedAs(
        'fenced',
        'a transaction',
        store.transact({ leases: [former], changes: [put('a', '1')] }),
      );
      await change(store, lease, put('a', '2'));
      same('what is there', await listed(store), ['a: 2']);
    }),

    claim('never gives an epoch a second time, whoever comes and goes', raising, async ({ store }) => {
      const seen: number[] = [];
      for (let n = 0; n < 5; n++) {
        const who = owner();
        seen.push((await leased(store, who)).epoch);
        await store.lease(who, [0], 0);
      }
      same(
        'the epochs',
        seen,
        [...new Set(seen)].toSorted((one, other) => one - other),
      );
    }),
  ];
}
