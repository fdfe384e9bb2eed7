/**
 * A part of the lanes: the hash of a lane, modulo a count that is fixed when the store is made. A store of one machine
 * has one shard, 0.
 */
export type Shard = number;

/** Opaque; never given to another page. */
export type PageId = string;

/** Where a reader of pages is. Opaque, and good for the process that got it alone. */
export type Cursor = string;

/** The right to change what belongs to a shard. */
export interface Lease {
  readonly shard: Shard;
  readonly owner: string;
  /** Whole number; higher than that of every lease of the shard that another owner has had before. */
  readonly epoch: number;
}

/** Rows of one lane that one commit has written. Aim at 1 MiB or less; a single row may be larger. */
export interface NewPage {
  readonly shard: Shard;
  readonly lane: string;
  /** How many rows, and the sum of the lengths of their bodies. */
  readonly rows: number;
  readonly bytes: number;
  /** How many of these bytes are of unverified senders. */
  readonly unverified: number;
  /** Seconds since the epoch of its oldest row. */
  readonly oldest: number;
  readonly data: Uint8Array;
}

export interface PageHead extends Omit<NewPage, 'data'> {
  readonly id: PageId;
}

export interface PageList {
  readonly heads: readonly PageHead[];
  readonly cursor: Cursor;
  /** Whether there are more now. */
  readonly more: boolean;
}

/** What is under a key of a table. */
export interface Entry {
  readonly key: Uint8Array;
  /** Empty where the key was only ever added to. */
  readonly value: Uint8Array;
  /** 0 where the key was never added to. */
  readonly sum: number;
}

/** A key is at most 255 bytes long, a value 16 MiB. In a transaction a key of a table is changed once at most. */
export type Change =
  | { readonly put: string; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly remove: string; readonly key: Uint8Array }
  /** Several add to a key at once: it commutes, so none of them waits for another. `by` is a whole number. */
  | { readonly add: string; readonly key: Uint8Array; readonly by: number };

export interface Expectation {
  readonly table: string;
  readonly key: Uint8Array;
  readonly there: boolean;
}

/** What happens together, or not at all. At most 50,000 changes and 64 MiB. */
export interface Transaction {
  /** All must be in force. None: whoever has no lease may change only what it has an expectation of. */
  readonly leases: readonly Lease[];
  readonly expect?: readonly Expectation[];
  readonly changes?: readonly Change[];
  /** One that is gone already is no error. */
  readonly drop?: readonly PageId[];
  /** For what comes back into a lane, such as a dead letter that is replayed. */
  readonly append?: readonly NewPage[];
}

export interface Usage {
  /** Bytes. */
  readonly used: number;
  readonly limit: number;
  /** Why it takes no append now, such as a disk that fails. */
  readonly refuses?: string;
}

export interface RangeLimits {
  readonly limit: number;
  /** Of the values together; one entry at least is given where there is one. */
  readonly bytes: number;
}

/**
 * Where the spool lies: an append-only log of pages, ordered tables, fenced transactions, and leases. It knows nothing
 * of lanes, batches or tokens; all that is core's, and the same on every store.
 *
 * Obligations, by which nothing is lost or doubled:
 * 1. An append or a transaction that has resolved is durable, and every look that begins afterwards sees it, in
 *    whichever process.
 * 2. Either happens whole or not at all, at every instruction.
 * 3. A chain of cursors gives each page once, however late it was committed, and those of one writer in their order.
 * 4. A transaction whose lease is over changes nothing. The store decides that, by its own clock, in the very step
 *    that makes the change visible.
 *
 * Any number of processes use one store at once. To build one does no I/O; `open` does.
 */
export interface SpoolStore {
  /** @throws ConfigError where the set-up could lose what was acknowledged, such as a database without fsync */
  open(signal: AbortSignal): Promise<void>;

  /**
   * Keeps the pages, all or none. Any process may; it needs no lease.
   * @throws OverloadedError when it takes nothing now. Whatever it rejects with, the pages may appear later.
   */
  append(pages: readonly NewPage[]): Promise<void>;

  /** Reads nothing that grows with what is stored; it may be a second old. */
  usage(signal: AbortSignal): Promise<Usage>;

  /**
   * Acquires those of the shards that are free, whose lease has run out, or that this owner has, and renews the latter.
   * An epoch stays as long as nobody else had the shard in between.
   * @param owner a name that no other process has or has had
   * @param ttl milliseconds by the store's clock; 0 gives the shards back
   * @param anew ends this owner's own epochs, after a transaction of which the outcome is not known: what of it is
   *   still under way is fenced
   * @returns all that this owner has then, of whatever shard
   */
  lease(owner: string, want: readonly Shard[], ttl: number, anew?: boolean): Promise<readonly Lease[]>;

  /**
   * Pages that are not dropped. Without a cursor from the beginning: all whose append had resolved before the call are
   * among them, over as many calls as it takes.
   */
  pages(shards: readonly Shard[], after: Cursor | undefined, limit: number): Promise<PageList>;

  /** In the order asked for; `undefined` for one that is dropped. The bytes are not changed afterwards. */
  read(ids: readonly PageId[]): Promise<(Uint8Array | undefined)[]>;

  /**
   * @returns false where an expectation fails, and nothing happened
   * @throws FencedError where a lease is over, and nothing happened. Anything else that it throws leaves the outcome
   *   unknown: lease anew, and look what is there
   */
  transact(transaction: Transaction): Promise<boolean>;

  /** In the order asked for. Never from a replica that may lag. */
  get(table: string, keys: readonly Uint8Array[]): Promise<(Entry | undefined)[]>;

  /** From the first key that is not below `from`, to the last below `to`, in the order of their bytes. */
  range(table: string, from: Uint8Array, to: Uint8Array, limits: RangeLimits): Promise<Entry[]>;

  /** Waits for what is under way. Afterwards nothing keeps the process alive; harmless a second time. */
  close(): Promise<void>;
}
