import type { DuckDBConnection } from '@duckdb/node-api';
import { chart } from '../../core/contract/chart.js';
import { quoteText } from './name.js';

/** A column that a table must have. */
export interface Expected {
  readonly name: string;
  readonly type: string;
}

interface Column extends Expected {
  /** An INSERT that leaves the column out fails. */
  readonly mandatory: boolean;
}

/** What stands under a name in the schema. */
export interface Relation {
  readonly kind: 'table' | 'view';
  readonly columns: readonly Column[];
}

const types = { text: 'VARCHAR', float64: 'DOUBLE' } as const;

export const chartColumns: readonly Expected[] = chart.map(({ name, type }) => ({ name, type: types[type] }));

export const ledgerColumns: readonly Expected[] = [
  { name: 'batch_id', type: 'UUID' },
  { name: 'table_name', type: 'VARCHAR' },
  { name: 'rows', type: 'BIGINT' },
  { name: 'bytes', type: 'BIGINT' },
  { name: 'landed_at', type: 'TIMESTAMP WITH TIME ZONE' },
];

/** Of the ledger, in one that was made before there were serials not there yet: where a batch is from. */
export const originColumns: readonly Expected[] = [
  { name: 'spool', type: 'VARCHAR' },
  { name: 'serial', type: 'BIGINT' },
];

export async function relationOf(
  connection: DuckDBConnection,
  schema: string,
  name: string,
): Promise<Relation | undefined> {
  const reader = await connection.runAndReadAll(`
    SELECT column_name, data_type, NOT is_nullable AND column_default IS NULL,
           table_oid IN (SELECT view_oid FROM duckdb_views() WHERE database_name = current_database())
      FROM duckdb_columns()
     WHERE database_name = current_database()
       AND lower(schema_name) = lower(${quoteText(schema)}) AND lower(table_name) = lower(${quoteText(name)})
     ORDER BY column_index`);
  const rows = reader.getRows();
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    kind: first[3] === true ? 'view' : 'table',
    columns: rows.map(([column, type, mandatory]) => ({
      name: String(column),
      type: String(type),
      mandatory: mandatory === true,
    })),
  };
}

/** Why rows of these columns cannot go into the relation; `undefined` when they can. */
export function misfit(relation: Relation, expected: readonly Expected[]): string | undefined {
  if (relation.kind === 'view') return 'it is a view';
  const faults: string[] = [];
  for (const { name, type } of expected) {
    const column = relation.columns.find((candidate) => candidate.name === name);
    if (column === undefined) faults.push(`${name} is missing`);
    else if (column.type !== type) faults.push(`${name} is ${column.type}, not ${type}`);
  }
  for (const { name, mandatory } of relation.columns) {
    const known = expected.some((candidate) => candidate.name === name);
    if (mandatory && !known) faults.push(`${name} is NOT NULL without a default`);
  }
  if (faults.length === 0) return undefined;
  const list = (columns: readonly Expected[]) =>
    columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  return `${faults.join(', ')}; expected (${list(expected)}), found (${list(relation.columns)})`;
}

/** Whether the table has the chart's columns, in its order, and no others. */
export function isChart(relation: Relation): boolean {
  return (
    relation.columns.length === chartColumns.length &&
    relation.columns.every(({ name, type }, at) => {
      const expected = chartColumns[at];
      return name === expected?.name && type === expected.type;
    })
  );
}
