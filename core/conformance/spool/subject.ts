import type { Spool } from '../../contract/spool.js';
import type { Absent, PluginLocation } from '../subject.js';

/**
 * A spool under test. `S` is whatever names one storage (a folder, a prefix): the suite hands it back.
 * All functions are called while claims run, none before. Whatever the spool does not have is declared
 * with `absent('why')`, and its claims are left out; nothing else is.
 */
export interface SpoolSubject<S> {
  /**
   * A new, empty storage; each claim has one of its own.
   * @param limit how many bytes it may hold, about; without it, as much as it likes. Given only when
   * `limit` below is offered
   */
  create(limit?: number): Promise<S> | S;

  /** A view of that storage, not opened: another process would have one like it. */
  view(storage: S): Spool;

  /** How a child process makes a view, to be killed. Absent where nothing outlives the process. */
  readonly process: ((storage: S) => PluginLocation) | Absent;

  /** At how many steps of its work the process is killed, spread over all of them; 16 unless given. */
  readonly kills?: number;

  /**
   * The least limit that `create` takes, in bytes; the suite fills it up with records of 100 kB. Absent
   * where the spool has no limit of its own.
   */
  readonly limit: number | Absent;

  /**
   * How many bytes unproven records may take where `create` is given that limit. Absent where the spool does
   * not know its `senders`.
   */
  readonly unproven: number | Absent;

  /** Whether it has a `quarantine`. */
  readonly quarantine: true | Absent;

  /** Whether it has `receipts`. */
  readonly receipts: true | Absent;

  /** Whether it has `serials`. */
  readonly serials: true | Absent;

  /** Called after each claim, when all views are closed and all child processes are gone. */
  remove(storage: S): Promise<void>;
}
