import type { Row } from '../../contract/chart.js';
import type { Destination } from '../../contract/destination.js';
import type { Absent, Misconfigured, Outage, PluginLocation } from '../subject.js';

/** Shapes of tables that somebody else has made. */
export const tableShapes = [
  'without a body',
  'with a timestamp that is text',
  'with a mandatory column of its own',
  'that is a view',
  'in another order and with further nullable columns',
] as const;
export type TableShape = (typeof tableShapes)[number];

/** Tables that somebody else has made. */
export interface ForeignTables {
  /** Makes a table of that shape by the warehouse's own means, without the destination. */
  create(table: string, shape: TableShape): Promise<void>;
  /** The shapes that the warehouse has at all: `tableShapes`, or some of them. */
  readonly shapes: readonly TableShape[];
}

/** Rows that the warehouse refuses for ever. */
export interface RefusedRows {
  /**
   * Called once the table is there, and before a row is: puts a CHECK on it, say, or drops it and makes it
   * anew with a column that refuses. Leave it out where that takes nothing.
   */
  readonly prepare?: (table: string) => Promise<void>;
  /** A body that is refused. Put a word into it that is nowhere else: the suite looks for it in errors. */
  readonly body: Uint8Array;
}

/** What the destination claims to take at least. The suite tries exactly that. */
export interface DestinationLimits {
  /** The length of the largest body, in bytes: no less than the `maxBody` that people will set. */
  readonly body: number;
  /** The rows of the largest batch: no less than the default of `flush.rows`. */
  readonly rows: number;
  /** The bodies of the largest batch together, in bytes: no less than the default of `flush.bytes`. */
  readonly bytes: number;
  /** The rows of a batch in whose write the process is killed; 1,500 unless given, fewer where reading is slow. */
  readonly killed?: number;
  /** The rows of a table whose request ids are listed some twenty times; 25,000 unless given, fewer where it is slow. */
  readonly listed?: number;
}

/**
 * A destination under test, and the one storage (database, schema, folder) that its instances share.
 * It must be empty at first; the suite makes tables of its own names in it and leaves them there.
 *
 * All functions are called while claims run, none before: `beforeAll` of a test runner may set up what
 * they need. Whatever the destination does not have is declared with `absent('why')`, and its claims are
 * left out; nothing else is.
 */
export interface DestinationSubject {
  /** An instance over the storage, not opened: another process would have one like it. */
  make(): Destination | Promise<Destination>;

  /**
   * Every row of a table, read by the warehouse's own means and not by the destination, in any order.
   * All instances are closed when it is called. A warehouse that shows a write late is waited for here.
   */
  rows(table: string): Promise<Row[]>;

  /**
   * Everything that the storage holds (names of tables, their columns and types, numbers of rows) in any
   * form that `assert.deepStrictEqual` compares. It proves that `check` and refusals change nothing.
   */
  readonly describe: (() => Promise<unknown>) | Absent;

  /** Absent where nobody else can make a table. */
  readonly tables: ForeignTables | Absent;

  /** Absent where every row is taken, whatever is in it. */
  readonly refused: RefusedRows | Absent;

  readonly limits: DestinationLimits;

  /** How a child process makes an instance, to be killed. Absent where nothing outlives the process. */
  readonly process: (() => PluginLocation) | Absent;

  /** At how many steps of a write the process is killed, spread over all of them; 16 unless given. */
  readonly kills?: number;

  /**
   * Instances, not opened, whose set-up is at fault:
   * - `wrong credentials`: the password is not the right one
   * - `missing database`: the server, or the disk, is there, and the database or folder is not
   * - `missing grant`: everything is there but the right to write to the table of that name; where the
   *   right is the table's own, this makes the table first
   *
   * Each is called several times, also for the same table.
   */
  readonly misconfigured: Misconfigured<(table: string) => Destination | Promise<Destination>>;

  /** Absent where there is no connection to cut. */
  readonly outage: Outage | Absent;

  /**
   * Every text that no error may show: passwords, keys, tokens, those of `misconfigured` too. `[]` where
   * there are none. They are looked for as they are, in percent-encoding and in base64.
   */
  secrets(): readonly string[];
}
