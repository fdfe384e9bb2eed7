import { randomBytes } from 'node:crypto';
import type {
  Change,
  Cursor,
  Entry,
  Lease,
  NewPage,
  PageHead,
  SpoolStore,
  Transaction,
} from '../../contract/spool-store.js';
import { Child } from '../child.js';
import { type Claim, makeClaim } from '../claim.js';
import { same } from '../proof.js';
import { offered } from '../subject.js';
import type { StoreSubject } from './subject.js';

/** One claim's storage, and what looks at it. */
export interface Stage {
  readonly store: SpoolStore;
  /** Opens a further view. */
  open(): Promise<SpoolStore>;
  /** Makes what was leased for so many milliseconds run out. */
  expire(ttl: number): Promise<void>;
  /** Runs a program of this folder on the storage; killed at the latest when the claim is done. */
  start(program: string, order: object): Child;
}

export type StoreClaim = (
  name: string,
  obligation: string,
  prove: (stage: Stage) => Promise<void>,
  limit?: number,
) => Claim;

export function storeStages<S>(subject: StoreSubject<S>): StoreClaim {
  return (name, obligation, prove, limit) =>
    makeClaim(name, obligation, async () => {
      const storage = await subject.create(limit);
      const opened: SpoolStore[] = [];
      const children: Child[] = [];
      const open = async () => {
        const store = subject.view(storage);
        opened.push(store);
        await store.open(AbortSignal.timeout(20_000));
        return store;
      };
      const start = (program: string, order: object) => {
        const location = offered('process', subject.process)?.(storage);
        const child = new Child(new URL(`./${program}.js`, import.meta.url), { ...location, ...order });
        children.push(child);
        return child;
      };
      try {
        await prove({ store: await open(), open, expire: (ttl) => subject.expire(storage, ttl), start });
      } finally {
        for (const child of children) await child.kill();
        for (const store of opened.reverse()) await store.close();
        await subject.remove(storage);
      }
    });
}

/** Milliseconds: longer than any claim takes. */
export const long = 600_000;

export const bytesOf = (text: string): Uint8Array => Buffer.from(text);
export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString();

let made = 0;

/** @param data what it holds; its own number unless given */
export function makePage(over: Partial<NewPage> = {}): NewPage {
  made += 1;
  const data = over.data ?? bytesOf(`page ${made}`);
  return { shard: 0, lane: '1/out', rows: 1, bytes: data.length, unverified: 0, oldest: made, ...over, data };
}

export const owner = (): string => randomBytes(8).toString('hex');

/** A lease of that shard, which must be free. */
export async function leased(store: SpoolStore, who = owner(), shard = 0): Promise<Lease> {
  const lease = (await store.lease(who, [shard], long)).find((each) => each.shard === shard);
  if (lease === undefined) throw new Error(`shard ${shard} is not to be had`);
  return lease;
}

/** All pages, by as many calls as it takes. */
export async function allPages(
  store: SpoolStore,
  shards: readonly number[] = [0],
  after?: Cursor,
  limit = 7,
): Promise<{ readonly heads: PageHead[]; readonly cursor: Cursor }> {
  const heads: PageHead[] = [];
  let cursor = after;
  for (;;) {
    const list = await store.pages(shards, cursor, limit);
    heads.push(...list.heads);
    cursor = list.cursor;
    if (!list.more) return { heads, cursor };
  }
}

/** What the pages of a shard hold, in the order in which they are listed. */
export async function contents(
  store: SpoolStore,
  shards?: readonly number[],
): Promise<(string | undefined)[]> {
  const { heads } = await allPages(store, shards);
  return (await store.read(heads.map(({ id }) => id))).map(textOf);
}

export const put = (key: string, value: string, table = 't'): Change => ({
  put: table,
  key: bytesOf(key),
  value: bytesOf(value),
});
export const add = (key: string, by: number, table = 't'): Change => ({ add: table, key: bytesOf(key), by });
export const remove = (key: string, table = 't'): Change => ({ remove: table, key: bytesOf(key) });

export async function change(store: SpoolStore, lease: Lease, ...changes: Change[]): Promise<void> {
  await did(store, { leases: [lease], changes });
}

/** That the transaction happened. */
export async function did(store: SpoolStore, transaction: Transaction): Promise<void> {
  same('whether the transaction happened', await store.transact(transaction), true);
}

/** A table's entries, as `key: value` or `key: value + sum`. */
export async function listed(
  store: SpoolStore,
  { table = 't', from = '', to = '\xff', limit = 1000, bytes = 1e9 } = {},
): Promise<string[]> {
  const entries = await store.range(table, bytesOf(from), Buffer.from(to, 'latin1'), { limit, bytes });
  return entries.map(shown);
}

export function shown({ key, value, sum }: Entry): string {
  return `${textOf(key)}: ${textOf(value)}${sum === 0 ? '' : ` + ${sum}`}`;
}
