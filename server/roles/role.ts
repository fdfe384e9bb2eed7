import type { Row } from '../../core/chart.js';
import type { QueryResult } from '../../core/destination.js';
import type { LaneReport } from '../../core/engine.js';
import type { MetricsJson } from '../../core/metrics.js';

export const roles = ['ack', 'load', 'admin'] as const;
export type RoleName = (typeof roles)[number];

/** What a child process is to do. */
export interface Start {
  readonly role: 'ack' | 'load';
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

export interface AckAnswers extends RoleAnswers {
  /** Resolves when requests are accepted now. */
  readonly health: (argument: undefined) => Promise<void>;
}

export interface LoadAnswers extends RoleAnswers {
  readonly lanes: (argument: undefined) => LaneReport[];
  readonly rows: (argument: RowsQuestion) => Promise<Row[]>;
  readonly query: (argument: QueryQuestion) => Promise<QueryResult>;
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

/** A role that runs. */
export interface Role<A extends RoleAnswers> {
  readonly answers: A;
  /** The port of the webhooks, where the role has one. */
  readonly port?: number;
  /** Ends in order, within about `grace` milliseconds. */
  stop(grace: number): Promise<void>;
}
