import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { objectName, quoteName, tableName } from '../../connectors/snowflake/name.js';
import { config, type SnowflakeOptions } from '../../connectors/snowflake/options.js';
import { quoteText, Session } from '../../connectors/snowflake/session.js';
import type { Row } from '../../core/index.js';

const never = new AbortController().signal;

/** A real account, in a schema of its own that is dropped at the end. */
export class SnowflakeAccount {
  readonly options: SnowflakeOptions;
  readonly #given: object;
  readonly #schema: string;
  readonly #session: Session;

  private constructor(given: object, schema: string, session: Session) {
    this.#given = given;
    this.#schema = schema;
    this.#session = session;
    this.options = config.parse({ ...given, schema });
  }

  /** @param json the options of the destination, as JSON; the role must be allowed to CREATE SCHEMA */
  static async open(json: string): Promise<SnowflakeAccount> {
    const given = JSON.parse(json) as object;
    const session = await Session.open(config.parse(given), never);
    const account = new SnowflakeAccount(given, `HOOKLINE_TEST_${Date.now()}`, session);
    await session.run(never, `CREATE SCHEMA ${account.place}`);
    return account;
  }

  /** The options as the YAML gives them, in the schema of the test. */
  get yaml(): object {
    return { ...this.#given, schema: this.#schema };
  }

  /** The schema, as SQL takes it. */
  get place(): string {
    return quoteName(objectName(this.options.database), this.#schema);
  }

  async run(statement: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return await this.#session.run(never, statement);
  }

  /** Every row of a table, unloaded by Snowflake as Parquet and read by DuckDB: every bit of it. */
  async rows(table: string): Promise<Row[]> {
    const stage = `@~/hookline-test/${this.#schema}/${Date.now()}/`;
    const folder = await mkdtemp(join(tmpdir(), 'hookline-unload-'));
    try {
      await this.run(
        `COPY INTO ${quoteText(stage)} FROM (SELECT __kdd_request_id AS ID, __kdd_request_unix_timestamp AS T,
           __kdd_requester_key AS K, __kdd_request_body AS B FROM ${this.place}.${quoteName(tableName(table))})
         FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE`,
      );
      await this.run(`GET ${quoteText(stage)} ${quoteText(`file://${folder}`)}`);
      await this.run(`REMOVE ${quoteText(stage)}`);
      if ((await readdir(folder)).length === 0) return [];
      const connection = await (await DuckDBInstance.create(':memory:')).connect();
      const found = await connection.runAndReadAll(
        `SELECT ID, T, K, B FROM read_parquet('${folder}/*.parquet')`,
      );
      return found.getRows().map(([requestId, timestamp, key, body]) => ({
        requestId: String(requestId),
        timestamp: timestamp as number,
        key: String(key),
        body: Buffer.from(String(body)),
      }));
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  async close(): Promise<void> {
    await this.run(`DROP SCHEMA ${this.place}`);
    await this.#session.end();
  }
}
