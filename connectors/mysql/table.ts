import { ConfigError, chart, RetryableError } from 'hookline/plugin';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { numberOf } from './errors.js';
import { quoteName } from './name.js';

interface Column {
  readonly name: string;
  /** How a new table gets it. */
  readonly definition: string;
  /** The types that will do, as SHOW COLUMNS writes them. */
  readonly type: RegExp;
  /** The fewest characters that a varchar must hold. */
  readonly length?: number;
}

/** Compared byte by byte, whatever the server's default is, and stored as they come. */
const utf8 = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * The body is LONGTEXT: stored byte for byte, and the JSON functions take it. Not JSON, which MySQL parses
 * and writes anew; not LONGBLOB, on which the JSON functions fail; not TEXT, which ends at 64 KiB.
 */
export const chartColumns: readonly Column[] = chart.map(({ name, type }) => {
  if (type === 'float64') return { name, definition: 'double NOT NULL', type: /^double$/ };
  return name === '__kdd_request_body'
    ? { name, definition: `longtext ${utf8} NOT NULL`, type: /^longtext$/ }
    : {
        name,
        definition: `varchar(255) ${utf8} NOT NULL`,
        type: /^(varchar\(\d+\)|(medium|long)?text)$/,
        length: name === '__kdd_request_id' ? 20 : 36,
      };
});

export const ledgerColumns: readonly Column[] = [
  {
    name: 'batch_id',
    definition: 'char(36) CHARACTER SET ascii PRIMARY KEY',
    type: /^(var)?char\(\d+\)$/,
    length: 36,
  },
  { name: 'table_name', definition: `varchar(64) ${utf8} NOT NULL`, type: /^varchar\(\d+\)$/, length: 64 },
  { name: 'rows', definition: 'bigint NOT NULL', type: /^bigint/ },
  { name: 'bytes', definition: 'bigint NOT NULL', type: /^bigint/ },
  {
    name: 'landed_at',
    definition: 'timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)',
    type: /^timestamp/,
  },
];

/** Of the ledger, in one that was made before there were serials not there yet: where a batch is from. */
export const originColumns: readonly Column[] = [
  { name: 'spool', definition: `varchar(64) ${utf8} NULL`, type: /^(varchar\(\d+\)|(medium|long)?text)$/ },
  { name: 'serial', definition: 'bigint NULL', type: /^bigint/ },
];

/** A table of the database, made when it is missing and never altered. */
export class Table {
  readonly name: string;
  /** As SQL takes it. */
  readonly quoted: string;
  readonly #columns: readonly Column[];
  readonly #further: readonly Column[];

  /** @param further what a new one gets besides, and what one that is there may lack */
  constructor(name: string, columns: readonly Column[], further: readonly Column[] = []) {
    this.#further = further;
    this.name = name;
    this.quoted = quoteName(name);
    this.#columns = columns;
  }

  /** Its columns that an INSERT fills in. */
  get columns(): string {
    return this.#columns
      .filter(({ name }) => name !== 'landed_at')
      .map(({ name }) => quoteName(name))
      .join(', ');
  }

  /** Makes it when it is missing. @throws ConfigError when something of another shape stands there */
  async ensure(connection: Connection): Promise<void> {
    if (await this.#fits(connection)) return;
    await connection.query(this.#creation);
    if (await this.#fits(connection)) return;
    throw new RetryableError(`table ${this.quoted} was dropped as it was made`);
  }

  /**
   * Proves that it can be written, or, when it is missing, that it can be made. To prepare a statement is
   * to have its names and grants looked at; nothing is run.
   */
  async check(connection: Connection): Promise<void> {
    const values = this.columns.replaceAll(/[^,]+/g, '?');
    const insertion = `INSERT INTO ${this.quoted} (${this.columns}) VALUES (${values})`;
    const statement = (await this.#fits(connection)) ? insertion : this.#creation;
    await (await connection.prepare(statement)).close();
  }

  /** Whether it is there with its further columns, too. */
  async hasFurther(connection: Connection): Promise<boolean> {
    const found = await this.#found(connection);
    return this.#further.every(({ name, type }) =>
      found.some(({ Field, Type }) => Field === name && type.test(Type)),
    );
  }

  /** The statement that adds them. */
  get addition(): string {
    const added = this.#further.map(({ name, definition }) => `ADD COLUMN ${quoteName(name)} ${definition}`);
    return `ALTER TABLE ${this.quoted} ${added.join(', ')}`;
  }

  get #creation(): string {
    const columns = [...this.#columns, ...this.#further];
    const definition = columns.map(({ name, definition }) => `${quoteName(name)} ${definition}`);
    return `CREATE TABLE IF NOT EXISTS ${this.quoted} (${definition.join(', ')}) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4`;
  }

  async #fits(connection: Connection): Promise<boolean> {
    const found = await this.#found(connection);
    if (found.length === 0) return false;
    const engine = await this.#engine(connection);
    const faults = engine === 'InnoDB' ? this.#misfits(found) : [`it is ${engine}, not an InnoDB table`];
    if (this.#columns === ledgerColumns && engine === 'InnoDB' && !(await this.#hasKey(connection))) {
      faults.push('batch_id is not its primary key, nor a unique one, alone and whole');
    }
    if (faults.length === 0) return true;
    throw new ConfigError(
      `${this.quoted} has another shape and is left as it is: ${faults.join(', ')}. Rename it, or choose another table`,
    );
  }

  #misfits(found: readonly RowDataPacket[]): string[] {
    const faults: string[] = [];
    for (const { name, type, length = 0 } of this.#columns) {
      const column = found.find(({ Field }) => Field === name);
      if (column === undefined) faults.push(`${name} is missing`);
      else if (!type.test(column['Type'])) faults.push(`${name} is ${column['Type']}`);
      else if (/ GENERATED/.test(column['Extra'])) faults.push(`${name} is a generated column`);
      else if (room(column['Type']) < length)
        faults.push(`${name} is ${column['Type']}, shorter than ${length}`);
      else if (name.startsWith('__kdd_') && !/^(utf8mb4|null)/.test(String(column['Collation']))) {
        faults.push(`${name} is not in utf8mb4`);
      }
    }
    for (const { Field, Null, Default, Extra } of found) {
      const known = this.#columns.some(({ name }) => name === Field);
      const mandatory = Null === 'NO' && Default === null && !/auto_increment| GENERATED/.test(Extra);
      if (mandatory && !known) faults.push(`${Field} is NOT NULL without a default`);
    }
    return faults;
  }

  /**
   * Whether a batch's id is there once. Not where a key begins with it only, or has further columns: two
   * batches that were sealed at once begin alike, and the second would be taken for landed.
   */
  async #hasKey(connection: Connection): Promise<boolean> {
    const [parts] = await connection.query<RowDataPacket[]>(`SHOW INDEX FROM ${this.quoted}`);
    return parts.some(
      ({ Key_name, Column_name, Non_unique, Sub_part }) =>
        Column_name === 'batch_id' &&
        Number(Non_unique) === 0 &&
        Sub_part === null &&
        parts.filter((part) => part['Key_name'] === Key_name).length === 1,
    );
  }

  /** Its columns as the server has them; none when it is missing. */
  async #found(connection: Connection): Promise<RowDataPacket[]> {
    try {
      const [rows] = await connection.query<RowDataPacket[]>(`SHOW FULL COLUMNS FROM ${this.quoted}`);
      return rows;
    } catch (error) {
      if (numberOf(error) === noSuchTable) return [];
      throw error;
    }
  }

  /** Only InnoDB has transactions. A view has no engine. */
  async #engine(connection: Connection): Promise<string> {
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT TABLE_NAME AS name, ENGINE AS engine FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?`,
      [this.name],
    );
    const row = rows.find(({ name }) => name === this.name) ?? rows[0];
    return row?.['engine'] ?? 'a view';
  }
}

export const noSuchTable = 1146;

/** The characters that a type is limited to. */
function room(type: string): number {
  return Number(/char\((\d+)\)/.exec(type)?.[1] ?? Number.POSITIVE_INFINITY);
}
