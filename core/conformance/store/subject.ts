import type { SpoolStore } from '../../contract/spool-store.js';
import type { Absent, PluginLocation } from '../subject.js';

/**
 * A store under test. `S` is whatever names one storage (a folder, a schema): the suite hands it back. All functions
 * are called while claims run, none before.
 */
export interface StoreSubject<S> {
  /**
   * A new, empty storage; each claim has one of its own.
   * @param limit how many bytes it may hold, about; given only when `limit` below is offered
   */
  create(limit?: number): Promise<S> | S;

  /** A view of that storage, not opened: another process would have one like it. */
  view(storage: S): SpoolStore;

  /** The shards that it has; at least one. */
  readonly shards: readonly number[];

  /** Makes a lease of so many milliseconds run out: by the store's own clock, or by waiting. */
  expire(storage: S, ttl: number): Promise<void>;

  /** The least limit that `create` takes, in bytes. Absent where the store has none of its own. */
  readonly limit: number | Absent;

  /** How a child process makes a view, to be killed: what is durable outlives it. Absent where nothing does. */
  readonly process: ((storage: S) => PluginLocation) | Absent;

  /** Called after each claim, when all views are closed and all child processes are gone. */
  remove(storage: S): Promise<void>;
}
