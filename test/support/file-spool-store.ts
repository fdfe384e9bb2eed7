import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';
import { crc32 } from 'node:zlib';
import { FencedError, OverloadedError } from '../../core/contract/errors.js';
import type {
  Change,
  Entry,
  Lease,
  NewPage,
  PageHead,
  PageList,
  RangeLimits,
  SpoolStore,
  Transaction,
  Usage,
} from '../../core/contract/spool-store.js';

export interface FileStoreOptions {
  readonly folder: string;
  readonly limit?: number;
  /** What a deliberately broken one does wrong. */
  readonly flaw?: 'takes no notice of leases' | 'numbers pages before they are written';
}

interface Held extends Lease {
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** What one write adds to the log. */
interface Step {
  readonly pages?: readonly (NewPage & { readonly place: number })[];
  readonly changes?: readonly Change[];
  readonly drop?: readonly string[];
  readonly held?: readonly Held[];
  /** Places that are given to pages that come later. */
  readonly reserved?: number;
}

/** A frame's length and checksum before it. */
const header = 8;

/**
 * A store on one plain file, to which each change is added as a frame; whoever looks reads what was added since.
 * Written from the contract alone, as a plugin's author would: it shares nothing with the stores that are built in.
 */
export class FileSpoolStore implements SpoolStore {
  readonly #options: FileStoreOptions;
  readonly #pages = new Map<number, { readonly head: PageHead; readonly data: Uint8Array }>();
  readonly #tables = new Map<string, Map<string, Entry>>();
  readonly #held = new Map<number, Held>();
  #file: FileHandle | undefined;
  #offset = 0;
  #next = 0;
  #used = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: FileStoreOptions) {
    this.#options = options;
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await mkdir(this.#options.folder, { recursive: true });
    this.#file ??= await open(join(this.#options.folder, 'log'), 'a+');
  }

  async append(pages: readonly NewPage[]): Promise<void> {
    if (this.#options.flaw === 'numbers pages before they are written') {
      const next = await this.#change(() => {
        this.#expectRoom(pages);
        return [{ reserved: pages.length }, this.#next];
      });
      await sleep(pages.some(({ data }) => data.length > 1000) ? 20 : 0);
      await this.#change(() => [
        { pages: pages.map((page, at) => ({ ...page, place: next + at })) },
        undefined,
      ]);
      return;
    }
    await this.#change(() => {
      this.#expectRoom(pages);
      return [{ pages: this.#placed(pages) }, undefined];
    });
  }

  async usage(signal: AbortSignal): Promise<Usage> {
    signal.throwIfAborted();
    await this.#catchUp();
    return { used: this.#used, limit: this.#options.limit ?? Number.POSITIVE_INFINITY };
  }

  async lease(owner: string, want: readonly number[], ttl: number, anew = false): Promise<readonly Lease[]> {
    return await this.#change(() => {
      const now = Date.now();
      const held = want.flatMap((shard): Held[] => {
        const before = this.#held.get(shard);
        const isOwn = before?.owner === owner;
        if (!isOwn && (ttl === 0 || (before !== undefined && before.until > now))) return [];
        const epoch = (before?.epoch ?? 0) + (isOwn && !anew ? 0 : 1);
        return [{ shard, owner, epoch, until: now + ttl }];
      });
      const all = new Map([...this.#held, ...held.map((each): [number, Held] => [each.shard, each])]);
      const own = [...all.values()].filter((each) => each.owner === owner && each.until > now);
      return [{ held }, own.map(({ shard, epoch }) => ({ shard, owner, epoch }))];
    });
  }

  async pages(shards: readonly number[], after: string | undefined, limit: number): Promise<PageList> {
    await this.#catchUp();
    const from = Number(after ?? -1);
    const found = [...this.#pages]
      .filter(([place, { head }]) => place > from && shards.includes(head.shard))
      .sort(([one], [other]) => one - other);
    const some = found.slice(0, limit);
    return {
      heads: some.map(([, { head }]) => head),
      cursor: String(some.at(-1)?.[0] ?? from),
      more: some.length < found.length,
    };
  }

  async read(ids: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    await this.#catchUp();
    return ids.map((id) => this.#pages.get(Number(id))?.data);
  }

  async transact({ leases, expect, changes, drop, append }: Transaction): Promise<boolean> {
    return await this.#change(() => {
      if (leases.length === 0 && (expect ?? []).length === 0)
        throw new Error('neither a lease nor an expectation');
      for (const lease of leases) this.#check(lease);
      const fails = (expect ?? []).some(
        ({ table, key, there }) => (this.#find(table, key) !== undefined) !== there,
      );
      if (fails) return [{}, false];
      return [{ changes: changes ?? [], drop: drop ?? [], pages: this.#placed(append ?? []) }, true];
    });
  }

  async get(table: string, keys: readonly Uint8Array[]): Promise<(Entry | undefined)[]> {
    await this.#catchUp();
    return keys.map((key) => this.#find(table, key));
  }

  async range(
    table: string,
    from: Uint8Array,
    to: Uint8Array,
    { limit, bytes }: RangeLimits,
  ): Promise<Entry[]> {
    await this.#catchUp();
    const found = [...(this.#tables.get(table)?.values() ?? [])]
      .filter(({ key }) => Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0)
      .sort((one, other) => Buffer.compare(one.key, other.key))
      .slice(0, limit);
    let sum = 0;
    const end = found.findIndex(({ value }, at) => {
      sum += value.length;
      return at > 0 && sum > bytes;
    });
    return end < 0 ? found : found.slice(0, end);
  }

  async close(): Promise<void> {
    await this.#turn.catch(() => undefined);
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** Adds what `work` says to the log, while nobody else does; resolves to the other thing that it says. */
  async #change<T>(work: () => readonly [Step, T]): Promise<T> {
    const mine = this.#turn
      .catch(() => undefined)
      .then(async () => {
        const unlock = await this.#lock();
        try {
          await this.#catchUp();
          const [step, result] = work();
          await this.#write(serialize(step));
          return result;
        } finally {
          await unlock();
        }
      });
    this.#turn = mine;
    return await mine;
  }

  async #write(payload: Buffer): Promise<void> {
    const file = this.#opened;
    const head = Buffer.alloc(header);
    head.writeUInt32LE(payload.length);
    head.writeUInt32LE(crc32(payload), 4);
    // What a killed process has left of a frame is in the way.
    await file.truncate(this.#offset);
    await file.appendFile(Buffer.concat([head, payload]));
    await file.datasync();
  }

  /** Reads what was added, up to the last whole frame. */
  async #catchUp(): Promise<void> {
    const file = this.#opened;
    const { size } = await file.stat();
    if (size <= this.#offset) return;
    const from = this.#offset;
    const bytes = Buffer.alloc(size - from);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    // Another look has read it meanwhile.
    if (this.#offset !== from) return await this.#catchUp();
    let at = 0;
    while (at + header <= bytesRead) {
      const end = at + header + bytes.readUInt32LE(at);
      const payload = bytes.subarray(at + header, end);
      if (end > bytesRead || crc32(payload) !== bytes.readUInt32LE(at + 4)) break;
      this.#apply(deserialize(payload) as Step);
      at = end;
    }
    this.#offset = from + at;
  }

  #apply({ pages = [], changes = [], drop = [], held = [], reserved = 0 }: Step): void {
    for (const change of changes) this.#changeEntry(change);
    for (const id of drop) {
      this.#used -= this.#pages.get(Number(id))?.data.length ?? 0;
      this.#pages.delete(Number(id));
    }
    for (const { place, data, ...head } of pages) {
      this.#pages.set(place, { head: { ...head, id: String(place) }, data });
      this.#used += data.length;
      this.#next = Math.max(this.#next, place + 1);
    }
    for (const each of held) this.#held.set(each.shard, each);
    this.#next += reserved;
  }

  #changeEntry(change: Change): void {
    const name = 'put' in change ? change.put : 'add' in change ? change.add : change.remove;
    const table = this.#tables.get(name) ?? new Map<string, Entry>();
    this.#tables.set(name, table);
    const text = Buffer.from(change.key).toString('latin1');
    if ('remove' in change) {
      table.delete(text);
      return;
    }
    const { value, sum } = table.get(text) ?? { value: new Uint8Array(), sum: 0 };
    table.set(text, {
      key: change.key,
      value: 'put' in change ? change.value : value,
      sum: 'add' in change ? sum + change.by : sum,
    });
  }

  #expectRoom(pages: readonly NewPage[]): void {
    const size = pages.reduce((sum, { data }) => sum + data.length, 0);
    const { limit = Number.POSITIVE_INFINITY } = this.#options;
    if (this.#used + size > limit) throw new OverloadedError('the file is full');
  }

  #placed(pages: readonly NewPage[]): NonNullable<Step['pages']> {
    return pages.map((page, at) => ({ ...page, place: this.#next + at }));
  }

  #check({ shard, owner, epoch }: Lease): void {
    if (this.#options.flaw === 'takes no notice of leases') return;
    const held = this.#held.get(shard);
    if (held?.owner === owner && held.epoch === epoch && held.until > Date.now()) return;
    throw new FencedError(`the lease of shard ${shard} is over`);
  }

  #find(table: string, key: Uint8Array): Entry | undefined {
    return this.#tables.get(table)?.get(Buffer.from(key).toString('latin1'));
  }

  get #opened(): FileHandle {
    if (this.#file === undefined) throw new OverloadedError('the store is closed');
    return this.#file;
  }

  /** An abstract Unix socket is one process's alone, and nobody's once that is dead. Resolves to what lets go of it. */
  async #lock(): Promise<() => Promise<void>> {
    const name = createHash('sha256').update(this.#options.folder).digest('hex');
    for (;;) {
      const server = createServer();
      const isMine = await new Promise<boolean>((resolve, reject) => {
        server.once('listening', () => resolve(true));
        server.once('error', (error: NodeJS.ErrnoException) =>
          error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
        );
        server.listen(`\0${name}`);
      });
      if (isMine) return () => new Promise((resolve) => server.close(() => resolve()));
      await sleep(1);
    }
  }
}

/** For the processes that the suite kills. */
export default (options: FileStoreOptions): SpoolStore => new FileSpoolStore(options);
