import { chart } from 'hookline/plugin';
import { quoteName, tableName } from './name.js';
import type { Found } from './session.js';

/** A column that a table must have. */
export interface Expected {
  readonly name: string;
  /** As SHOW COLUMNS calls it. */
  readonly type: 'TEXT' | 'REAL' | 'FIXED' | 'TIMESTAMP_LTZ';
  /** As a new table gets it. */
  readonly definition: string;
  /** The fewest characters that it must hold. */
  readonly length?: number;
}

/** Of ids and keys; a body may be held to any length, and a longer one becomes a dead letter. */
const lengths: Readonly<Record<string, number>> = { __kdd_request_id: 20, __kdd_requester_key: 36 };

/**
 * VARCHAR without a length is as long as the account's default: 16 MiB, or 128 MiB where the bundle 2025_07
 * is in force.
 */
export const chartColumns: readonly Expected[] = chart.map(({ name, type }) => ({
  name: tableName(name),
  type: type === 'text' ? 'TEXT' : 'REAL',
  definition: type === 'text' ? 'VARCHAR NOT NULL' : 'FLOAT NOT NULL',
  ...(type === 'text' && { length: lengths[name] ?? 1 }),
}));

export const ledgerColumns: readonly Expected[] = [
  { name: 'BATCH_ID', type: 'TEXT', definition: 'VARCHAR(36) NOT NULL', length: 36 },
  { name: 'TABLE_NAME', type: 'TEXT', definition: 'VARCHAR(255) NOT NULL', length: 255 },
  { name: 'ROW_COUNT', type: 'FIXED', definition: 'NUMBER(38, 0) NOT NULL' },
  { name: 'BYTES', type: 'FIXED', definition: 'NUMBER(38, 0) NOT NULL' },
  {
    name: 'LANDED_AT',
    type: 'TIMESTAMP_LTZ',
    definition: 'TIMESTAMP_LTZ(9) NOT NULL DEFAULT CURRENT_TIMESTAMP()',
  },
];

/** Of the ledger, in one that was made before there were serials not there yet: where a batch is from. */
export const originColumns: readonly Expected[] = [
  { name: 'SPOOL', type: 'TEXT', definition: 'VARCHAR(64)', length: 64 },
  { name: 'SERIAL', type: 'FIXED', definition: 'NUMBER(38, 0)' },
];

export const lockColumns: readonly Expected[] = [
  { name: 'TURN', type: 'FIXED', definition: 'NUMBER(38, 0) NOT NULL' },
];

/** The longest that a text column takes. */
export interface Limit {
  /** Code points. */
  readonly characters: number;
  readonly bytes: number;
}

/** A column as SHOW COLUMNS has it. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly limit: Limit;
  /** An INSERT that leaves the column out fails. */
  readonly mandatory: boolean;
  /** Computed, so that nothing can be loaded into it. */
  readonly virtual: boolean;
}

/** Parses a row of SHOW COLUMNS. https://docs.snowflake.com/en/sql-reference/sql/show-columns */
export function columnOf(row: Found): Column {
  const type = JSON.parse(String(row['data_type'])) as {
    type: string;
    length?: number;
    byteLength?: number;
    nullable?: boolean;
  };
  const empty = (value: unknown) => value === undefined || value === null || value === '';
  const given = !empty(row['default']) || !empty(row['autoincrement']);
  const characters = type.length ?? 0;
  return {
    name: String(row['column_name']),
    type: type.type,
    limit: { characters, bytes: type.byteLength ?? characters * 4 },
    mandatory: type.nullable === false && !given,
    virtual: !['COLUMN', ''].includes(String(row['kind'] ?? '')),
  };
}

/** Why rows of these columns cannot go into a table of those; `undefined` when they can. */
export function misfit(columns: readonly Column[], expected: readonly Expected[]): string | undefined {
  const faults: string[] = [];
  for (const { name, type, length } of expected) {
    const column = columns.find((candidate) => candidate.name === name);
    if (column === undefined) faults.push(`${name} is missing`);
    else if (column.type !== type) faults.push(`${name} is ${column.type}, not ${type}`);
    else if (column.virtual) faults.push(`${name} is computed`);
    else if (length !== undefined && column.limit.characters < length) {
      faults.push(`${name} holds ${column.limit.characters} characters, not ${length}`);
    }
  }
  for (const { name, mandatory } of columns) {
    const known = expected.some((candidate) => candidate.name === name);
    if (mandatory && !known) faults.push(`${name} is NOT NULL without a default`);
  }
  if (faults.length === 0) return undefined;
  const wanted = expected.map(({ name, definition }) => `${name} ${definition}`).join(', ');
  return `${faults.join(', ')}; expected (${wanted})`;
}

/** Those of the expected that are not there under their name. */
export function missingIn(columns: readonly Column[], expected: readonly Expected[]): Expected[] {
  return expected.filter(({ name }) => columns.every((column) => column.name !== name));
}

/** Whether a text is longer than the column takes. */
export function exceeds(text: Uint8Array, { characters, bytes }: Limit): boolean {
  if (text.length <= characters && text.length <= bytes) return false;
  if (text.length > bytes) return true;
  // In UTF-8 each character has one byte that does not begin with the bits 10.
  let found = 0;
  for (const byte of text) if ((byte & 0xc0) !== 0x80) found += 1;
  return found > characters;
}

/** The columns' names as SQL takes them. */
export function listOf(columns: readonly Expected[]): string {
  return columns.map(({ name }) => quoteName(name)).join(', ');
}

export function additionOf(qualified: string, columns: readonly Expected[]): string {
  const definition = columns.map((column) => `${quoteName(column.name)} ${column.definition}`).join(', ');
  return `ALTER TABLE ${qualified} ADD COLUMN ${definition}`;
}

export function creationOf(qualified: string, columns: readonly Expected[]): string {
  const definition = columns.map((column) => `${quoteName(column.name)} ${column.definition}`).join(', ');
  return `CREATE TABLE IF NOT EXISTS ${qualified} (${definition})`;
}
