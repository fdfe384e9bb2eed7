import type pg from 'pg';
import { chart } from '../../core/index.js';

/** A column that a table must have. */
export interface Expected {
  readonly name: string;
  /** As `format_type` writes them; the first is what a new table gets. */
  readonly types: readonly [string, ...string[]];
  /** It needs a unique index of its own. */
  readonly unique?: true;
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
  /** Row-level security holds for the role: it refuses COPY, and may hide a ledger's entries. */
  readonly rowSecurity: boolean;
  /** Tables of other servers in it: itself, or partitions. Their rows do not share our transaction. */
  readonly foreign: string | null;
  /** What of it a crash of the server empties, and a standby does not have. */
  readonly unlogged: string | null;
  /** Sequences of its defaults that the role may not use. */
  readonly sequences: string | null;
  /** The columns that have a unique index of their own. */
  readonly unique: readonly string[];
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
  { name: 'batch_id', types: ['uuid'], unique: true },
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
  f: 'a foreign table: its rows are committed by another server, and not with the ledger',
};

type Nameable<T> = Omit<T, 'name'> & { readonly name: string | null };

/** Settings of the server or the role change nothing of it: a type's name is one of the catalog, unquoted. */
const relationQuery = `
  WITH RECURSIVE whole AS (
    SELECT c.oid, c.relkind, c.relpersistence, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2
    UNION ALL
    SELECT part.oid, part.relkind, part.relpersistence, pg_catalog.format('%I.%I', n.nspname, part.relname)
      FROM whole
      JOIN pg_catalog.pg_inherits i ON i.inhparent = whole.oid AND whole.relkind = 'p'
      JOIN pg_catalog.pg_class part ON part.oid = i.inhrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = part.relnamespace)
  SELECT c.relkind AS kind,
         pg_catalog.has_table_privilege(c.oid, 'INSERT') AS "mayInsert",
         pg_catalog.has_table_privilege(c.oid, 'SELECT') AS "maySelect",
         pg_catalog.row_security_active(c.oid) AS "rowSecurity",
         (SELECT pg_catalog.string_agg(name, ', ')
            FROM whole WHERE relkind = 'f') AS "foreign",
         (SELECT pg_catalog.string_agg(name, ', ')
            FROM whole WHERE relkind IN ('r', 'p') AND relpersistence <> 'p') AS "unlogged",
         (SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', sn.nspname, s.relname), ', ')
            FROM pg_catalog.pg_attrdef def
            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
             AND d.objid = def.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            JOIN pg_catalog.pg_class s ON s.oid = d.refobjid
            JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
           WHERE def.adrelid = c.oid
             AND CASE WHEN s.relkind = 'S' THEN NOT pg_catalog.has_sequence_privilege(s.oid, 'USAGE, UPDATE')
                      ELSE false END) AS "sequences",
         ARRAY(SELECT k.attname::pg_catalog.text
                 FROM pg_catalog.pg_index x
                 JOIN pg_catalog.pg_attribute k ON k.attrelid = x.indrelid AND k.attnum = x.indkey[0]
                WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indimmediate
                  AND x.indpred IS NULL AND x.indnkeyatts = 1) AS "unique",
         a.attname AS name,
         CASE WHEN t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
              THEN pg_catalog.regexp_replace(
                     pg_catalog.replace(pg_catalog.format_type(a.atttypid, a.atttypmod), '"', ''),
                     '^pg_catalog\\.', '')
              ELSE pg_catalog.format_type(a.atttypid, a.atttypmod) END AS type,
         a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS mandatory,
         a.attgenerated <> '' AS generated
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
   WHERE n.nspname = $1 AND c.relname = $2
   ORDER BY a.attnum`;

export async function relationOf(
  client: pg.Client,
  schema: string,
  name: string,
): Promise<Relation | undefined> {
  const { rows } = await client.query<Omit<Relation, 'columns'> & Nameable<Column>>(relationQuery, [
    schema,
    name,
  ]);
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    ...first,
    columns: rows.flatMap(({ name, type, mandatory, generated }) =>
      name === null ? [] : [{ name, type, mandatory, generated }],
    ),
  };
}

/** Why rows of these columns cannot go into the relation; `undefined` when they can. */
export function misfit(relation: Relation, expected: readonly Expected[]): string | undefined {
  // Ordinary and partitioned tables take a COPY in a transaction with the ledger.
  if (!'rp'.includes(relation.kind)) return `it is ${kinds[relation.kind] ?? 'no table'}`;
  const faults: string[] = [];
  for (const { name, types, unique } of expected) {
    const column = relation.columns.find((candidate) => candidate.name === name);
    if (column === undefined) faults.push(`${name} is missing`);
    else if (!types.includes(column.type)) faults.push(`${name} is ${column.type}, not ${types[0]}`);
    else if (column.generated) faults.push(`${name} is a generated column`);
    else if (unique && !relation.unique.includes(name)) {
      faults.push(`${name} has no unique index of its own, such as a primary key`);
    }
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
