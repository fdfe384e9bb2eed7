import { FencedError, OverloadedError } from '../../core/contract/errors.js';
import type {
  Change,
  Entry,
  Lease,
  NewPage,
  PageHead,
  PageId,
  PageList,
  RangeLimits,
  Shard,
  SpoolStore,
  Transaction,
  Usage,
} from '../../core/contract/spool-store.js';

interface Held extends Lease {
  readonly until: number;
}

interface Stored {
  readonly head: PageHead;
  readonly data: Uint8Array;
}

/** What several stores look at, as processes look at one disk. It is gone with the process. */
export class Memory {
  /** Bytes of pages, and of keys and values. */
  readonly limit: number;
  /** Milliseconds, on whatever clock. */
  readonly now: () => number;
  /** By their place in the log, in its order. */
  readonly pages = new Map<number, Stored>();
  readonly tables = new Map<string, Map<string, Entry>>();
  readonly leases = new Map<Shard, Held>();
  used = 0;
  next = 0;

  constructor({ limit = Number.POSITIVE_INFINITY, now = () => performance.now() } = {}) {
    this.limit = limit;
    this.now = now;
  }
}

/** The reference: what the contract says, and no more. Nothing of it outlives the process. */
export class MemorySpoolStore implements SpoolStore {
  readonly #memory: Memory;
  #isOpen = false;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#isOpen = true;
  }

  async append(pages: readonly NewPage[]): Promise<void> {
    const { used, limit } = this.#opened;
    if (used + pages.reduce((sum, { data }) => sum + data.length, 0) > limit) {
      throw new OverloadedError(`the store holds the ${limit} bytes that it may`);
    }
    for (const page of pages) this.#keep(page);
  }

  async usage(signal: AbortSignal): Promise<Usage> {
    signal.throwIfAborted();
    const { used, limit } = this.#opened;
    return { used, limit };
  }

  async lease(owner: string, want: readonly Shard[], ttl: number, anew = false): Promise<readonly Lease[]> {
    const { leases, now } = this.#opened;
    const until = now() + ttl;
    for (const shard of want) {
      const held = leases.get(shard);
      const isOwn = held?.owner === owner;
      if (held !== undefined && !isOwn && held.until > now()) continue;
      if (ttl === 0 && !isOwn) continue;
      const epoch = (held?.epoch ?? 0) + (isOwn && !anew ? 0 : 1);
      leases.set(shard, { shard, owner, epoch, until });
    }
    return [...leases.values()]
      .filter((held) => held.owner === owner && held.until > now())
      .map(({ shard, epoch }) => ({ shard, owner, epoch }));
  }

  async pages(shards: readonly Shard[], after: string | undefined, limit: number): Promise<PageList> {
    const { pages } = this.#opened;
    const from = after === undefined ? -1 : Number(after);
    const found = [...pages].filter(([place, { head }]) => place > from && shards.includes(head.shard));
    const some = found.slice(0, limit);
    return {
      heads: some.map(([, { head }]) => head),
      // What is appended later lies behind all that was there.
      cursor: String(some.at(-1)?.[0] ?? from),
      more: found.length > some.length,
    };
  }

  async read(ids: readonly PageId[]): Promise<(Uint8Array | undefined)[]> {
    const { pages } = this.#opened;
    return ids.map((id) => pages.get(Number(id))?.data);
  }

  async transact({
    leases,
    expect = [],
    changes = [],
    drop = [],
    append = [],
  }: Transaction): Promise<boolean> {
    for (const lease of leases) this.#expectInForce(lease);
    if (leases.length === 0 && expect.length === 0)
      throw new Error('it has neither a lease nor an expectation');
    const isAsExpected = expect.every(
      ({ table, key, there }) => (this.#find(table, key) !== undefined) === there,
    );
    if (!isAsExpected) return false;
    for (const change of changes) this.#change(change);
    for (const id of drop) this.#drop(Number(id));
    for (const page of append) this.#keep(page);
    return true;
  }

  async get(table: string, keys: readonly Uint8Array[]): Promise<(Entry | undefined)[]> {
    return keys.map((key) => this.#find(table, key));
  }

  async range(
    table: string,
    from: Uint8Array,
    to: Uint8Array,
    { limit, bytes }: RangeLimits,
  ): Promise<Entry[]> {
    const entries = [...(this.#opened.tables.get(table)?.values() ?? [])]
      .filter(({ key }) => Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0)
      .sort((one, other) => Buffer.compare(one.key, other.key))
      .slice(0, limit);
    let sum = 0;
    return entries.filter(({ value }, at) => {
      sum += value.length;
      return at === 0 || sum <= bytes;
    });
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  get #opened(): Memory {
    if (!this.#isOpen) throw new OverloadedError('the store is closed');
    return this.#memory;
  }

  #expectInForce({ shard, owner, epoch }: Lease): void {
    const { leases, now } = this.#opened;
    const held = leases.get(shard);
    if (held?.owner === owner && held.epoch === epoch && held.until > now()) return;
    throw new FencedError(`the lease of shard ${shard} in epoch ${epoch} is over`);
  }

  #keep({ data, ...rest }: NewPage): void {
    const memory = this.#opened;
    const place = memory.next++;
    memory.pages.set(place, { head: { ...rest, id: String(place) }, data: Uint8Array.from(data) });
    memory.used += data.length;
  }

  #drop(place: number): void {
    const memory = this.#opened;
    memory.used -= memory.pages.get(place)?.data.length ?? 0;
    memory.pages.delete(place);
  }

  #find(table: string, key: Uint8Array): Entry | undefined {
    return this.#opened.tables.get(table)?.get(Buffer.from(key).toString('latin1'));
  }

  #change(change: Change): void {
    const memory = this.#opened;
    const name = 'put' in change ? change.put : 'add' in change ? change.add : change.remove;
    const table = memory.tables.get(name) ?? new Map<string, Entry>();
    memory.tables.set(name, table);
    const text = Buffer.from(change.key).toString('latin1');
    const before = table.get(text);
    memory.used -= sizeOf(before);
    if ('remove' in change) {
      table.delete(text);
      return;
    }
    const { value = new Uint8Array(), sum = 0 } = before ?? {};
    const entry: Entry = {
      key: Uint8Array.from(change.key),
      value: 'put' in change ? Uint8Array.from(change.value) : value,
      sum: 'add' in change ? sum + change.by : sum,
    };
    table.set(text, entry);
    memory.used += sizeOf(entry);
  }
}

function sizeOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : entry.key.length + entry.value.length;
}
