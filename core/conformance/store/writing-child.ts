/**
 * A process that makes one transaction after the other until it is killed: an entry and two pages each. Its argument is
 * a `PluginLocation`, the number to begin with, and the milliseconds of its lease, as JSON; it prints `ready`, then the number of each that resolved.
 */
import type { SpoolStore } from '../../contract/spool-store.js';
import type { PluginLocation } from '../subject.js';
import { bytesOf, makePage, owner, put } from './stage.js';

const order = JSON.parse(process.argv[2] ?? '') as PluginLocation & {
  readonly from: number;
  readonly ttl: number;
};
const { default: make } = (await import(order.module)) as { default: (options: object) => SpoolStore };
const store = make(order.options);
await store.open(AbortSignal.timeout(20_000));
const who = owner();
let [lease] = await store.lease(who, [0], order.ttl);
// The one before was killed with its lease.
for (; lease === undefined; [lease] = await store.lease(who, [0], order.ttl)) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
process.stdout.write('ready\n');
for (let n = order.from; ; n++) {
  [lease = lease] = await store.lease(who, [0], order.ttl);
  const append = [0, 1].map((part) => makePage({ data: bytesOf(`${n}.${part}`) }));
  await store.transact({ leases: [lease], changes: [put(String(n).padStart(9, '0'), 'x')], append });
  process.stdout.write(`${n}\n`);
}
