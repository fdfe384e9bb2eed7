import type pg from 'pg';
import { chart } from '../../core/index.js';

/** A column that a table must have. */
export interface Expected {
  readonly name: string;
  /** As `format_type` writes them; the first is what a new table gets. */
  readonly types: readonly [string, ...string[]];
}

interface Column {
  readonly name: string;
  readonly type: string;
  /** An INSERT that leaves the column out fails. */
  readonly mandatory: boolean;
  readonly generated: boolean;
}

/** What stands under a name in the schema. */
export interface Relation {
  readonly kind: string;
  readonly columns: readonly Column[];
  readonly mayInsert: boolean;
  readonly maySelect: boolean;
}

const types = {
  // A length limit, as in character varying(100), would refuse bodies.
  text: ['text', 'character varying'],
  float64: ['double precision'],
} as const;

export const chartColumns: readonly Expected[] = chart.map(({ name, type }) => ({
  name,
  types: types[type],
}));

export const ledgerColumns: readonly Expected[] = [
  { name: 'batch_id', types: ['uuid'] },
  { name: 'table_name', types: ['text', 'character varying'] },
  { name: 'rows', types: ['bigint'] },
  { name: 'bytes', types: ['bigint'] },
  { name: 'landed_at', types: ['timestamp with time zone'] },
];

/** Of the ledger, in one that was made before there were serials not there yet: where a batch is from. */
export const originColumns: readonly Expected[] = [
  { name: 'spool', types: ['text', 'character varying'] },
  { name: 'serial', types: ['bigint'] },
];

const kinds: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  S: 'a sequence',
  i: 'an index',
  I: 'an index',
  c: 'a type',
};

export async function relationOf(
  client: pg.Client,
  schema: string,
  name: string,
): Promise<Relation | undefined> {
  const { rows } = await client.query<{
    kind: string;
    insert: boolean;
    select: boolean;
    name: string | null;
    type: string;
    mandatory: boolean;
    generated: boolean;
  }>(
    `SELECT c.relkind AS kind,
            has_table_privilege(c.oid, 'INSERT') AS "insert",
            has_table_privilege(c.oid, 'SELECT') AS "select",
            a.attname AS name,
            format_type(a.atttypid, a.atttypmod) AS type,
            a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS mandatory,
            a.attgenerated <> '' AS generated
       FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE n.nspname = $1 AND c.relname = $2
      ORDER BY a.attnum`,
    [schema, name],
  );
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    kind: first.kind,
    mayInsert: first.insert,
    maySelect: first.select,
    columns: rows.flatMap(({ name, type, mandatory, generated }) =>
      name === null ? [] : [{ name, type, mandatory, generated }],
    ),
  };
}

/** Why rows of these columns cannot go into the relation; `undefined` when they can. */
export function misfit(relation: Relation, expected: readonly Expected[]): string | undefined {
  // Ordinary, partitioned and foreign tables take a COPY.
  if (!'rpf'.includes(relation.kind)) return `it is ${kinds[relation.kind] ?? 'no table'}`;
  const faults: string[] = [];
  for (const { name, types } of expected) {
    const column = relation.columns.find((candidate) => candidate.name === name);
    if (column === undefined) faults.push(`${name} is missing`);
    else if (!types.includes(column.type)) faults.push(`${name} is ${column.type}, not ${types[0]}`);
    else if (column.generated) faults.push(`${name} is a generated column`);
  }
  for (const { name, mandatory } of relation.columns) {
    const known = expected.some((candidate) => candidate.name === name);
    if (mandatory && !known) faults.push(`${name} is NOT NULL without a default`);
  }
  if (faults.length === 0) return undefined;
  const found = relation.columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  const wanted = expected.map(({ name, types }) => `${name} ${types[0]}`).join(', ');
  return `${faults.join(', ')}; expected (${wanted}), found (${found})`;
}
