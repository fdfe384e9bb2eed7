import type { Config } from '../../config/schema.js';
import type { Row } from '../../core/contract/chart.js';
import type { QueryResult, TimeRange } from '../../core/contract/destination.js';
import type { MetricsJson } from '../../core/contract/metrics.js';
import type { LaneReport, Orphan } from '../../core/delivery/engine.js';
import type { Refusal } from '../../core/intake/refusals.js';
import type { ListingPage } from './listings.js';

export const roles = ['ack', 'load', 'admin'] as const;
export type RoleName = (typeof roles)[number];

/** What a child process is to do. */
export interface Start {
  readonly role: 'ack' | 'load' | 'read';
  readonly file: string;
  /** The configuration as the supervisor read it: the file may have become another since. */
  readonly text: string;
  /** Instead of the configured port of the webhooks, when that is 0 and one has been found already. */
  readonly port?: number;
}

/** What a child asks its supervisor, and tells it, in this order. */
export interface SupervisorAnswers {
  readonly begin: (argument: undefined) => Start;
  readonly started: (result: { readonly port?: number }) => void;
  /** The child ends by itself after that. */
  readonly failed: (fault: { readonly message: string; readonly config: boolean }) => void;
}

/** What the supervisor may ask a child of either role. */
export interface RoleAnswers {
  /** Numbers since the start, for prom-client's aggregation. */
  readonly metrics: (argument: undefined) => Promise<MetricsJson>;
}

/** What every child answers about another configuration. */
export interface ReloadAnswers {
  /** Reads this text and makes what it needs; changes nothing yet, and may never be followed up. */
  readonly prepare: (text: string) => Promise<void>;
  /** Goes on by what was prepared last. */
  readonly adopt: (argument: undefined) => void;
}

/** A lane that is halted, or tries again. */
export interface Trouble {
  readonly pipeline: string;
  readonly destination: string;
  readonly state: LaneReport['state'];
  readonly error: string;
}

/** What came of another configuration. */
export interface Outcome {
  /** What waits in lanes that are not in the configuration any more. */
  readonly orphans: readonly Orphan[];
  /** Something that the configuration before began is still being written. */
  readonly unfinished: boolean;
  /** Lanes that do not land now. */
  readonly troubled: readonly Trouble[];
  /** Whether each lane has had a first look at its destination: only then is that known of all. */
  readonly looked: boolean;
}

export interface AckAnswers extends RoleAnswers {
  /** Resolves when requests are accepted now. */
  readonly health: (argument: undefined) => Promise<void>;
  /** What was refused last, newest first. */
  readonly refusals: (argument: RefusalsQuestion) => Refusal[];
}

export interface RefusalsQuestion {
  readonly limit: number;
  /** Of this one alone. */
  readonly pipeline?: string | undefined;
}

/** What people may ask of warehouses. */
export interface ReadingAnswers {
  readonly rows: (argument: RowsQuestion, signal: AbortSignal) => Promise<Row[]>;
  readonly query: (argument: QueryQuestion, signal: AbortSignal) => Promise<QueryResult>;
  readonly requestIds: (argument: ListingQuestion) => Promise<ListingPage>;
}

export interface ReadAnswers extends RoleAnswers, ReadingAnswers {}

export interface LoadAnswers extends RoleAnswers, ReadingAnswers {
  readonly lanes: (argument: undefined) => LaneReport[];
  /** Resolves when everything that the last reload ended has ended, or some seconds after. */
  readonly outcome: (argument: undefined) => Promise<Outcome>;
  readonly check: (argument: CheckQuestion) => Promise<void>;
}

export interface RowsQuestion {
  readonly destination: string;
  readonly table: string;
  readonly limit: number;
}

export interface QueryQuestion {
  readonly destination: string;
  readonly sql: string;
  readonly limit: number;
}

export interface CheckQuestion {
  readonly destination: string;
  readonly tables: readonly string[];
}

/** A new listing, or more of one. */
export type ListingQuestion =
  | { readonly destination: string; readonly table: string; readonly range: TimeRange }
  | { readonly cursor: string };

/** A role that runs. */
export interface Role<A extends RoleAnswers> {
  readonly answers: A;
  /** The port of the webhooks, where the role has one. */
  readonly port?: number;
  /** Makes what another configuration needs, without I/O; what it returns then puts it in force. */
  prepare(config: Config): () => void;
  /** Ends in order, within about `grace` milliseconds. */
  stop(grace: number): Promise<void>;
}
