import type pg from 'pg';
import { ConfigError, RetryableError } from '../../core/index.js';
import { sqlState } from './errors.js';
import { quoteName } from './name.js';
import { type Expected, misfit, type Relation, relationOf } from './shape.js';

/** The SQLSTATE of a write where nothing may be written. */
export const readOnly = '25006';

/** What two processes that create one table at once may get; both mean that it is there now. */
const alreadyThere = new Set(['42P07', '23505', '42710']);

/** A schema of the user's, in which tables are made when they are missing and never altered. */
export class Schema {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** The table's name with the schema's, quoted. */
  quote(table: string): string {
    return `${this.#quoted}.${quoteName(table, 'table')}`;
  }

  /** Proves that the server takes writes, and that the schema is there and may be used. */
  async check(client: pg.Client): Promise<void> {
    // Two statements of a transaction: a pooler that gives each statement another connection refuses the first.
    await client.query("BEGIN; SET LOCAL idle_in_transaction_session_timeout = '60s'");
    const { rows } = await client.query<{
      encoding: string;
      standby: boolean;
      readOnly: boolean;
      database: string;
      user: string;
    }>(
      `SELECT pg_catalog.current_setting('server_encoding') AS encoding,
              pg_catalog.pg_is_in_recovery() AS standby,
              pg_catalog.current_setting('transaction_read_only') = 'on' AS "readOnly",
              pg_catalog.current_database() AS database, pg_catalog.quote_ident(current_user) AS user`,
    );
    await client.query('ROLLBACK');
    const state = rows[0];
    if (state?.standby) {
      throw new RetryableError(`the server is a standby and read-only; is it the primary?`);
    }
    if (state?.encoding !== 'UTF8') {
      throw new ConfigError(
        `database ${state?.database} is encoded in ${state?.encoding}, which cannot hold every JSON text; use one made WITH ENCODING 'UTF8'`,
      );
    }
    if (state.readOnly) {
      throw new ConfigError(
        `transactions of ${state.user} are read-only by default, which some hosters set when the disk is full; ` +
          `else run: ALTER ROLE ${state.user} SET default_transaction_read_only = off;`,
      );
    }
    await this.#privileges(client);
  }

  /** Proves that the table can be written, or, when it is missing, that it can be made. */
  async checkTable(client: pg.Client, table: string, columns: readonly Expected[]): Promise<void> {
    if (await this.#fits(client, table, columns)) return;
    await this.#mayCreate(client);
  }

  /**
   * Makes the table when it is missing.
   * @throws ConfigError when something of another shape stands there
   */
  async ensure(
    client: pg.Client,
    table: string,
    columns: readonly Expected[],
    definition: string,
  ): Promise<void> {
    if (await this.#fits(client, table, columns)) return;
    await this.#mayCreate(client);
    try {
      await client.query(`CREATE TABLE IF NOT EXISTS ${this.quote(table)} (${definition})`);
    } catch (error) {
      if (!alreadyThere.has(sqlState(error) ?? '')) throw error;
    }
    if (!(await this.#fits(client, table, columns))) {
      throw new RetryableError(`table ${this.quote(table)} was dropped as it was made`);
    }
  }

  /** Whether it is there with these columns, too. */
  async has(client: pg.Client, table: string, columns: readonly Expected[]): Promise<boolean> {
    const relation = await relationOf(client, this.#name, table);
    return columns.every(({ name, types }) =>
      relation?.columns.some((column) => column.name === name && types.includes(column.type)),
    );
  }

  async #fits(client: pg.Client, table: string, columns: readonly Expected[]): Promise<boolean> {
    const quoted = this.quote(table);
    const relation = await relationOf(client, this.#name, table);
    if (relation === undefined) return false;
    const fault = misfit(relation, columns);
    if (fault !== undefined) {
      throw new ConfigError(
        `${quoted} has another shape and is left as it is: ${fault}. Rename it, or choose another table`,
      );
    }
    await this.#refuseWeak(client, quoted, relation);
    const missing = [...(relation.maySelect ? [] : ['SELECT']), ...(relation.mayInsert ? [] : ['INSERT'])];
    if (missing.length === 0) return true;
    const grant = `GRANT ${missing.join(', ')} ON ${quoted} TO ${await this.#user(client)}`;
    throw new ConfigError(`no right to ${missing.join(' and ')} on ${quoted}; run: ${grant};`);
  }

  /** What has the right columns, and yet would lose or refuse rows. */
  async #refuseWeak(client: pg.Client, quoted: string, relation: Relation): Promise<void> {
    const { foreign, unlogged, rowSecurity, sequences } = relation;
    if (foreign !== null) {
      throw new ConfigError(
        `${quoted} has foreign partitions (${foreign}): their rows are committed by another server, and not with ` +
          'the ledger. Detach them, or choose another table',
      );
    }
    if (unlogged !== null) {
      throw new ConfigError(
        `${unlogged} is UNLOGGED: a crash of the server empties it, and no standby has it; run: ` +
          `ALTER TABLE ${unlogged.split(', ')[0]} SET LOGGED;`,
      );
    }
    if (rowSecurity) {
      const user = await this.#user(client);
      throw new ConfigError(
        `row-level security on ${quoted} holds for ${user}, and refuses COPY; run: ALTER ROLE ${user} BYPASSRLS;`,
      );
    }
    if (sequences !== null) {
      throw new ConfigError(
        `no right to use ${sequences}, which a default of ${quoted} needs; run: ` +
          `GRANT USAGE ON SEQUENCE ${sequences} TO ${await this.#user(client)};`,
      );
    }
  }

  async #mayCreate(client: pg.Client): Promise<void> {
    if (await this.#privileges(client)) return;
    const grant = `GRANT USAGE, CREATE ON SCHEMA ${this.#quoted} TO ${await this.#user(client)}`;
    throw new ConfigError(`no right to make tables in schema ${this.#quoted}; run: ${grant};`);
  }

  /** Whether tables may be made. @throws ConfigError when the schema is missing or may not be used */
  async #privileges(client: pg.Client): Promise<boolean> {
    const { rows } = await client.query<{ usage: boolean; create: boolean }>(
      `SELECT pg_catalog.has_schema_privilege(oid, 'USAGE') AS usage,
              pg_catalog.has_schema_privilege(oid, 'CREATE') AS "create"
         FROM pg_catalog.pg_namespace WHERE nspname = $1`,
      [this.#name],
    );
    const [rights] = rows;
    if (rights === undefined) {
      throw new ConfigError(`there is no schema ${this.#quoted}; run: CREATE SCHEMA ${this.#quoted};`);
    }
    if (!rights.usage) {
      const grant = `GRANT USAGE, CREATE ON SCHEMA ${this.#quoted} TO ${await this.#user(client)}`;
      throw new ConfigError(`no right to use schema ${this.#quoted}; run: ${grant};`);
    }
    return rights.create;
  }

  async #user(client: pg.Client): Promise<string> {
    const { rows } = await client.query<{ user: string }>(
      'SELECT pg_catalog.quote_ident(current_user) AS user',
    );
    return rows[0]?.user ?? 'current_user';
  }

  get #quoted(): string {
    return quoteName(this.#name, 'schema');
  }
}
