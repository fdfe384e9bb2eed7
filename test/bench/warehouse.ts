import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Hookline } from '../support/hookline.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';

/** Rows as a reader finds them who knows nothing of Hookline. */
export interface Count {
  readonly rows: number;
  readonly ids: number;
}

/** A server with one pipeline, 1, into the table `bench` of some warehouse. */
export class OnePipeline {
  /** As reports name it. */
  readonly kind: string;
  readonly server: Hookline;

  constructor(kind: string, server: Hookline) {
    this.kind = kind;
    this.server = server;
  }

  /** @param destination as the YAML has it, `{ type: postgres, … }` */
  static async server(destination: string, env: Record<string, string> = {}): Promise<Hookline> {
    return await Hookline.create(
      `destinations:
  out: ${destination}
pipelines:
  1: { destination: out, table: bench }
`,
      { env },
    );
  }

  /** Rows that have landed since the load process began, by its own count. */
  async landed(): Promise<number> {
    const text = await (await this.server.admin('/metrics')).text();
    return Number(/^hookline_rows_landed_total\{.*\} (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** What waits, in records, and how old the oldest is, in seconds. */
  async waiting(): Promise<{ readonly records: number; readonly lag: number }> {
    const response = await this.server.admin('/api/pipelines');
    const [lane] = (await response.json()) as { records: number; lag: number }[];
    return { records: lane?.records ?? 0, lag: lane?.lag ?? 0 };
  }
}

/** One into a warehouse that needs no more than npm, and that can be counted and emptied. */
export class Warehouse extends OnePipeline {
  declare readonly kind: 'postgres' | 'duckdb' | 'parquet';
  readonly postgres: TestPostgres | undefined;
  /** Of Postgres. */
  readonly database: string;

  private constructor(
    kind: Warehouse['kind'],
    server: Hookline,
    postgres: TestPostgres | undefined,
    database: string,
  ) {
    super(kind, server);
    this.postgres = postgres;
    this.database = database;
  }

  static async create(kind: Warehouse['kind']): Promise<Warehouse> {
    const postgres = kind === 'postgres' ? await startPostgres() : undefined;
    const database = (await postgres?.createDatabase()) ?? '';
    const options = {
      postgres: `url: "\${DATABASE_URL}"`,
      duckdb: 'path: ./warehouse.duckdb',
      parquet: 'path: ./lake, flush: { every: 5s }',
    }[kind];
    const server = await OnePipeline.server(`{ type: ${kind}, ${options} }`, { DATABASE_URL: database });
    return new Warehouse(kind, server, postgres, database);
  }

  /** What is in the table; the server must have ended, or DuckDB's file is locked. */
  async count(): Promise<Count> {
    const columns = 'count(*)::float8 AS rows, count(DISTINCT __kdd_request_id)::float8 AS ids';
    if (this.postgres !== undefined) {
      const [found] = await this.postgres.sql<{ rows: number; ids: number }>(
        this.database,
        `SELECT ${columns} FROM bench`,
      );
      return found as Count;
    }
    const from =
      this.kind === 'duckdb' ? 'bench' : `read_parquet('${this.server.folder}/lake/bench/**/*.parquet')`;
    const [row] = await this.duckdb(`SELECT ${columns} FROM ${from}`);
    return { rows: Number(row?.['rows']), ids: Number(row?.['ids']) };
  }

  /** Runs SQL in DuckDB, on its file where that is the warehouse. */
  async duckdb(sql: string): Promise<Record<string, unknown>[]> {
    const file = this.kind === 'duckdb' ? join(this.server.folder, 'warehouse.duckdb') : ':memory:';
    const instance = await DuckDBInstance.create(file);
    const connection = await instance.connect();
    try {
      return (await connection.runAndReadAll(sql)).getRowObjects();
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  async destroy(): Promise<void> {
    await this.server.destroy();
    await this.postgres?.destroy();
  }
}
