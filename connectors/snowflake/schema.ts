import { ConfigError, RetryableError } from 'hookline/plugin';
import { instructed, isEnded } from './errors.js';
import { objectName, patternOf, quoteName, sqlName, tableName } from './name.js';
import type { SnowflakeOptions } from './options.js';
import { type Found, quoteText, type Session } from './session.js';
import { type Column, columnOf, creationOf, type Expected, listOf, misfit } from './table.js';

/** The kinds of SHOW OBJECTS that take no COPY, or that are gone with their session. */
const noTable = /VIEW|DYNAMIC|EXTERNAL|EVENT|TEMPORARY/;

/** What the role must be able to do with a table: privileges, and a statement that only compiles with them. */
export interface Need {
  readonly privileges: string;
  readonly statement: (qualified: string) => string;
}

/**
 * A schema of the user's, in which tables are made when they are missing and never altered. All that is
 * asked here is answered by Snowflake's services, so that no warehouse wakes: SHOW, and EXPLAIN, which
 * compiles a statement, with its grants, and does not run it.
 */
export class Schema {
  readonly #database: string;
  readonly #schema: string;
  readonly #warehouse: string | undefined;

  constructor({ database, schema, warehouse }: SnowflakeOptions) {
    this.#database = objectName(database);
    this.#schema = objectName(schema);
    this.#warehouse = warehouse;
  }

  /** The table's name with the schema's, as SQL takes it. */
  quote(table: string): string {
    return quoteName(this.#database, this.#schema, tableName(table));
  }

  /** Proves that there is a warehouse to work with, that may be used. It is not woken. */
  async checkWarehouse(session: Session, signal: AbortSignal): Promise<void> {
    if (this.#warehouse !== undefined) {
      const name = sqlName(this.#warehouse);
      const grant = `GRANT USAGE ON WAREHOUSE ${name} TO ROLE ${await this.#role(session, signal)};`;
      await this.#run(session, signal, `choosing warehouse ${name}`, `USE WAREHOUSE ${name}`, grant);
      return;
    }
    const [row] = await session.run(signal, 'SELECT CURRENT_WAREHOUSE() AS NAME');
    if (typeof row?.['NAME'] === 'string') return;
    throw new ConfigError('the user has no default warehouse, or no right to use it: set `warehouse`');
  }

  /** Proves that the table can be written, or, when it is missing, that it can be made. */
  async checkTable(
    session: Session,
    signal: AbortSignal,
    table: string,
    columns: readonly Expected[],
    need: Need,
  ): Promise<void> {
    if ((await this.columns(session, signal, table, columns)) === undefined) {
      await this.#expectCreation(session, signal);
      return;
    }
    const qualified = this.quote(table);
    const grant = `GRANT ${need.privileges} ON TABLE ${qualified} TO ROLE ${await this.#role(session, signal)};`;
    const statement = `EXPLAIN USING TEXT ${need.statement(qualified)}`;
    await this.#run(session, signal, `checking the rights on ${qualified}`, statement, grant);
  }

  /**
   * Makes the table when it is missing.
   * @param further what a new one gets besides, and what one that is there may lack
   * @throws ConfigError when something of another shape stands there
   */
  async ensure(
    session: Session,
    signal: AbortSignal,
    table: string,
    columns: readonly Expected[],
    further: readonly Expected[] = [],
  ): Promise<readonly Column[]> {
    const there = await this.columns(session, signal, table, columns);
    if (there !== undefined) return there;
    const qualified = this.quote(table);
    const grant = `GRANT CREATE TABLE ON SCHEMA ${this.#quoted} TO ROLE ${await this.#role(session, signal)};`;
    const creation = creationOf(qualified, [...columns, ...further]);
    await this.#run(session, signal, `making table ${qualified}`, creation, grant);
    const made = await this.columns(session, signal, table, columns);
    if (made !== undefined) return made;
    throw new RetryableError(`table ${qualified} was dropped as it was made`);
  }

  /**
   * The columns of a table that is there.
   * @throws ConfigError when it is no table, or one of another shape
   */
  async columns(
    session: Session,
    signal: AbortSignal,
    table: string,
    expected: readonly Expected[],
  ): Promise<readonly Column[] | undefined> {
    const kind = await this.#kindOf(session, signal, tableName(table));
    if (kind === undefined) return undefined;
    const qualified = this.quote(table);
    const doing = `looking at ${qualified}`;
    const found = await this.#run(session, signal, doing, `SHOW COLUMNS IN TABLE ${qualified}`);
    const columns = found.map(columnOf);
    const fault = noTable.test(kind) ? `it is a ${kind.toLowerCase()}` : misfit(columns, expected);
    if (fault === undefined) return columns;
    throw new ConfigError(
      `table ${table}, ${qualified}, has another shape and is left as it is: ${fault}. Rename it, or choose another table`,
    );
  }

  async #kindOf(session: Session, signal: AbortSignal, name: string): Promise<string | undefined> {
    const statement = `SHOW OBJECTS LIKE ${patternOf(name)} IN SCHEMA ${this.#quoted}`;
    // Of a missing database, a missing schema and a missing right Snowflake says the same.
    const role = await this.#role(session, signal);
    const grant = `GRANT USAGE ON DATABASE ${quoteName(this.#database)} TO ROLE ${role}; GRANT USAGE ON SCHEMA ${this.#quoted} TO ROLE ${role}; or create them`;
    const rows = await this.#run(session, signal, `looking into schema ${this.#quoted}`, statement, grant);
    const kind = rows.find((row) => row['name'] === name)?.['kind'];
    return kind === undefined ? undefined : String(kind);
  }

  /** Whether a table could be made, as far as grants tell; they are listed by role, without their heirs. */
  async #expectCreation(session: Session, signal: AbortSignal): Promise<void> {
    const role = await this.#role(session, signal);
    const grant = `GRANT CREATE TABLE ON SCHEMA ${this.#quoted} TO ROLE ${role};`;
    const doing = `looking at the grants of schema ${this.#quoted}`;
    const grants = await this.#run(session, signal, doing, `SHOW GRANTS ON SCHEMA ${this.#quoted}`, grant);
    const roles = grants
      .filter((row) => ['OWNERSHIP', 'CREATE TABLE'].includes(String(row['privilege'])))
      .map((row) => ({ name: String(row['grantee_name']), kind: String(row['granted_to']) }));
    // One that only a database's roles have cannot be told from here.
    if (roles.some(({ kind }) => kind !== 'ROLE')) return;
    for (const { name } of roles) {
      const [row] = await session.run(signal, `SELECT IS_ROLE_IN_SESSION(${quoteText(name)}) AS HELD`);
      if (/^(true|1)$/i.test(String(row?.['HELD']))) return;
    }
    throw new ConfigError(`no right to make tables in schema ${this.#quoted}; run: ${grant}`);
  }

  /** The session's role, as SQL takes it. */
  async #role(session: Session, signal: AbortSignal): Promise<string> {
    session.role ??= String((await session.run(signal, 'SELECT CURRENT_ROLE() AS NAME'))[0]?.['NAME']);
    return quoteName(session.role);
  }

  async #run(
    session: Session,
    signal: AbortSignal,
    doing: string,
    statement: string,
    grant?: string,
  ): Promise<Found[]> {
    try {
      return await session.run(signal, statement);
    } catch (error) {
      // A new session may do better, so that is not the end of it yet.
      if (isEnded(error)) throw error;
      throw instructed(error, doing, grant);
    }
  }

  get #quoted(): string {
    return quoteName(this.#database, this.#schema);
  }
}

/** What an INSERT into these columns needs. */
export function insertion(columns: readonly Expected[], privileges: string): Need {
  const nothing = { TEXT: "''", REAL: '0::FLOAT', FIXED: '0', TIMESTAMP_LTZ: 'CURRENT_TIMESTAMP()' };
  const values = columns.map(({ type }) => nothing[type]).join(', ');
  return {
    privileges,
    statement: (qualified) => `INSERT INTO ${qualified} (${listOf(columns)}) SELECT ${values}`,
  };
}
