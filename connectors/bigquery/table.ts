import { chart } from 'hookline/plugin';
import type { BigqueryOptions } from './options.js';

/** What the API answers of a table; of it what we look at. */
export interface Table {
  /** TABLE, VIEW, EXTERNAL, … */
  readonly type?: string;
  readonly schema?: { readonly fields?: readonly Field[] };
  readonly timePartitioning?: { readonly field?: string; readonly type?: string };
}

interface Field {
  readonly name?: string;
  readonly type?: string;
  readonly mode?: string;
  readonly maxLength?: string;
}

interface Expected {
  readonly name: string;
  /** As the API names them; the first is what a new table gets. */
  readonly types: readonly [string, ...string[]];
}

const types = { text: ['STRING'], float64: ['FLOAT', 'FLOAT64'] } as const;

export const chartColumns: readonly Expected[] = chart.map(({ name, type }) => ({
  name,
  types: types[type],
}));

export const ledgerColumns: readonly Expected[] = [
  { name: 'batch_id', types: ['STRING'] },
  { name: 'table_name', types: ['STRING'] },
  { name: 'stream', types: ['STRING'] },
  { name: 'rows', types: ['INTEGER', 'INT64'] },
  { name: 'bytes', types: ['INTEGER', 'INT64'] },
  { name: 'fixed_at', types: ['TIMESTAMP'] },
];

/** Of the ledger, in one that was made before there were serials not there yet: where a batch is from. */
export const originColumns: readonly Expected[] = [
  { name: 'spool', types: ['STRING'] },
  { name: 'serial', types: ['INTEGER', 'INT64'] },
];

/** Why rows of these columns cannot go into the table; `undefined` when they can. */
export function misfit(table: Table, expected: readonly Expected[]): string | undefined {
  const kind = table.type ?? 'TABLE';
  if (kind !== 'TABLE') return `it is a ${kind}`;
  const fields = table.schema?.fields ?? [];
  const faults: string[] = [];
  for (const { name, types } of expected) {
    const field = fields.find((candidate) => candidate.name?.toLowerCase() === name);
    if (field === undefined) faults.push(`${name} is missing`);
    else if (!types.includes(field.type ?? '')) faults.push(`${name} is ${field.type}, not ${types[0]}`);
    else if (field.mode === 'REPEATED') faults.push(`${name} is repeated`);
    else if (field.maxLength !== undefined) faults.push(`${name} has a length limit`);
  }
  for (const { name, mode } of fields) {
    const known = expected.some((column) => column.name === name?.toLowerCase());
    if (mode === 'REQUIRED' && !known) faults.push(`${name} is REQUIRED, and nobody fills it`);
  }
  return faults.length === 0 ? undefined : faults.join(', ');
}

/** Whether the ledger has columns for where a batch is from. */
export function hasOrigins(ledger: Table): boolean {
  return misfit(ledger, [...ledgerColumns, ...originColumns]) === undefined;
}

/** The schema of a ledger with those of these columns that it lacks. */
export function withOrigins({ schema }: Table): object {
  const fields = schema?.fields ?? [];
  const missing = originColumns.filter(({ name }) =>
    fields.every((field) => field.name?.toLowerCase() !== name),
  );
  return { schema: { fields: [...fields, ...fieldsOf(missing)] } };
}

/** The resource of a table for rows. The API calls a FLOAT64 by its old name. */
export function chartTable({ table, labels }: BigqueryOptions): object {
  const { partition, expiry, cluster } = table;
  return {
    schema: { fields: fieldsOf(chartColumns) },
    labels,
    ...(partition !== 'none' && {
      timePartitioning: {
        type: partition.toUpperCase(),
        ...(expiry !== undefined && { expirationMs: String(expiry) }),
      },
    }),
    ...(cluster.length > 0 && { clustering: { fields: cluster } }),
  };
}

/** The resource of the ledger: of use for as long as BigQuery remembers jobs, and to people after that. */
export function ledgerTable({ labels }: BigqueryOptions): object {
  return {
    description: 'The batches that Hookline has landed by write streams',
    schema: { fields: fieldsOf([...ledgerColumns, ...originColumns]) },
    labels,
  };
}

/** Whether its rows are kept by the time at which they landed. */
export function isByIngestion({ timePartitioning }: Table): boolean {
  return timePartitioning !== undefined && timePartitioning.field === undefined;
}

function fieldsOf(columns: readonly Expected[]): object[] {
  return columns.map(({ name, types }) => ({ name, type: types[0], mode: 'NULLABLE' }));
}
