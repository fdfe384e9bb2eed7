import { ConfigError } from '../contract/errors.js';
import type { NewestBatch } from '../contract/serials.js';
import type { SealedBatch, Spool } from '../contract/spool.js';
import type { Outlet } from './outlet.js';

/**
 * Lets nothing be written to a destination that knows this spool from a later time, before somebody says that this is
 * meant: the spool was restored from a backup or copied, and what it holds may be there already.
 */
export class OriginGuard {
  readonly #spool: Spool;
  readonly #looks = new WeakMap<Outlet, Promise<void>>();
  readonly #agreed = new WeakSet<Outlet>();
  /** Those that have a conflict and are not asked for nothing. */
  readonly #disputed = new WeakSet<Outlet>();
  /** What this process writes now, or may have written. */
  readonly #begun = new Set<string>();
  /** The newest that each destination has of this process. */
  readonly #landed = new Map<string, NewestBatch>();

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Before the lanes begin, and again before they begin by another configuration. */
  async expect(outlets: ReadonlyMap<string, Outlet>): Promise<void> {
    const fresh = [...outlets.values()].filter((outlet) => canTell(outlet) && !this.#agreed.has(outlet));
    await this.#spool.serials?.expect(fresh.map(({ name }) => name));
  }

  /**
   * Looks once at each destination, which is open by then.
   * @throws ConfigError when it has a batch that this spool has not sealed
   */
  agree(outlet: Outlet, signal: AbortSignal): Promise<void> {
    let look = this.#looks.get(outlet);
    if (look === undefined) {
      look = this.#look(outlet, signal).catch((error) => {
        this.#looks.delete(outlet);
        throw error;
      });
      this.#looks.set(outlet, look);
    }
    return look;
  }

  begins({ id }: SealedBatch): void {
    this.#begun.add(id);
  }

  /** It has landed, or never will under this id. */
  ended({ name }: Outlet, { id, origin }: SealedBatch, landed: boolean): void {
    this.#begun.delete(id);
    if (!landed || origin === undefined) return;
    const { serial } = origin;
    if (serial > (this.#landed.get(name)?.serial ?? 0)) this.#landed.set(name, { id, serial });
  }

  async #look(outlet: Outlet, signal: AbortSignal): Promise<void> {
    const { serials } = this.#spool;
    if (serials === undefined || !canTell(outlet)) return;
    if (this.#disputed.has(outlet)) await this.#expectAccepted(outlet);
    const found = await this.#find(outlet, signal);
    if (found?.conflict !== undefined) {
      await serials.dispute(outlet.name, found.conflict);
      if (outlet.destination.billsLooks) this.#disputed.add(outlet);
      throw conflictOf(outlet.name, found.conflict, found.known);
    }
    await serials.agree(outlet.name, found?.newest.serial ?? 0);
    this.#agreed.add(outlet);
  }

  /** Changes nothing. @throws ConfigError as `agree` does */
  async check(outlet: Outlet, signal: AbortSignal): Promise<void> {
    if (outlet.destination.billsLooks) return await this.#expectAccepted(outlet);
    const found = await this.#find(outlet, signal);
    if (found?.conflict !== undefined) throw conflictOf(outlet.name, found.conflict, found.known);
  }

  /** By what is noted alone. */
  async #expectAccepted({ name }: Outlet): Promise<void> {
    const noted = await this.#spool.serials?.expectation(name);
    if (noted?.conflict !== undefined) throw conflictOf(name, noted.conflict, noted.serial);
  }

  async #find(outlet: Outlet, signal: AbortSignal): Promise<Found | undefined> {
    const found = await conflictIn(outlet, this.#spool, signal);
    if (found?.conflict === undefined || !this.#isOwn(found.conflict)) return found;
    return { newest: found.newest, known: found.known };
  }

  /** Two names of one ledger see what was written by the other. */
  #isOwn({ id }: NewestBatch): boolean {
    return this.#begun.has(id) || [...this.#landed.values()].some((newest) => newest.id === id);
  }
}

export interface Found {
  readonly newest: NewestBatch;
  /** The highest serial that it can have of this spool. */
  readonly known: number;
  /** The newest, where this spool has not sealed it and nobody has accepted that. */
  readonly conflict?: NewestBatch;
}

/** What a destination that is open has of this spool. Changes nothing. */
export async function conflictIn(
  outlet: Outlet,
  { serials }: Spool,
  signal: AbortSignal,
): Promise<Found | undefined> {
  if (serials === undefined || !canTell(outlet)) return undefined;
  const { spool } = await serials.current();
  const newest = await outlet.newestBatch(spool, signal);
  if (newest === undefined) return undefined;
  // In this order: what was sealed meanwhile is no conflict.
  const { serial: known } = (await serials.expectation(outlet.name)) ?? (await serials.current());
  // What is expected was noted before a reload or by another name of the ledger: what landed since is the spool's own.
  const isForeign = newest.serial > known && !(await serials.has(newest.id));
  return { newest, known, ...(isForeign && { conflict: newest }) };
}

function conflictOf(name: string, { id, serial }: NewestBatch, known: number): ConfigError {
  return new ConfigError(
    `${name}: it has batch ${id}, which this spool sealed as its ${serial}th, while this copy of the spool has only ` +
      `come to its ${known}th: it was restored from a backup or copied, and what it holds may have landed already. ` +
      'Put the newer spool back; or, if it is meant that what this one holds lands (again), run: ' +
      `hookline spool accept ${name}`,
  );
}

function canTell({ destination }: Outlet): boolean {
  return destination.newestBatch !== undefined;
}
