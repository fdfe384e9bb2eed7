import { chart } from 'hookline/plugin';
import { escapeName, quoteName, quoteText } from './name.js';

/** What stands under a name in the database. */
export interface Relation {
  readonly engine: string;
  /** With its parameters and settings. */
  readonly engine_full: string;
  readonly partition_key: string;
  readonly columns: readonly Column[];
}

export interface Column {
  readonly name: string;
  readonly type: string;
  /** DEFAULT, MATERIALIZED, ALIAS, or none. */
  readonly default_kind: string;
}

const types = { text: 'String', float64: 'Float64' } as const;
/** The last blocks whose repetition is ignored: many more than can be under way at once. */
const window = 1000;
const setting = 'non_replicated_deduplication_window';

/** Else a part is in memory alone for a while, and a power cut takes it away: of servers from 20.10 on. */
const flushing = ['fsync_after_insert = 1', 'fsync_part_directory = 1'];

/**
 * Ordered by time, so that the newest rows are found without a scan, and a batch that comes again by its
 * first row. The body is String, which holds any bytes.
 * @param flushed whether the server can be told to flush a part before it answers
 */
export function creationOf(table: string, engine: string, flushed: boolean): string {
  const [id, timestamp] = chart.map(({ name }) => name);
  const columns = chart.map(({ name, type }) => `${name} ${types[type]}`).join(', ');
  const filled = engine.replaceAll('{table}', () => quoteText(escapeName(table)).slice(1, -1));
  const settings = [
    ...(/^MergeTree\b/.test(engine) ? [`${setting} = ${window}`] : []),
    ...(flushed ? flushing : []),
  ];
  const last = settings.length === 0 ? '' : ` SETTINGS ${settings.join(', ')}`;
  return `CREATE TABLE IF NOT EXISTS ${quoteName(table)} (${columns}) ENGINE = ${filled} ORDER BY (${timestamp}, ${id})${last}`;
}

/** Why batches cannot go into the relation exactly once; `undefined` when they can. */
export function misfit(relation: Relation, table: string): string | undefined {
  const { engine, engine_full, partition_key, columns } = relation;
  // Others of its family merge rows away that they take for versions of each other.
  const replicated = ['ReplicatedMergeTree', 'SharedMergeTree'].includes(engine);
  if (!replicated && engine !== 'MergeTree') return `it is a ${engine}, not a MergeTree`;
  const faults: string[] = [];
  if (partition_key !== '') faults.push('it has partitions, and an INSERT is atomic only within one');
  if (!replicated && !(windowIn(engine_full, setting) > 0)) {
    faults.push(
      `it does not recognise a repeated INSERT; run: ALTER TABLE ${quoteName(table)} MODIFY SETTING ${setting} = ${window}`,
    );
  }
  if (replicated && windowIn(engine_full, 'replicated_deduplication_window') === 0) {
    faults.push('its replicated_deduplication_window is 0, so that it does not recognise a repeated INSERT');
  }
  for (const { name, type } of chart) {
    const column = columns.find((candidate) => candidate.name === name);
    if (column === undefined) faults.push(`${name} is missing`);
    else if (column.type !== types[type]) faults.push(`${name} is ${column.type}, not ${types[type]}`);
    else if (['MATERIALIZED', 'ALIAS'].includes(column.default_kind)) faults.push(`${name} is computed`);
  }
  return faults.length === 0 ? undefined : faults.join(', ');
}

/** NaN when the table does not set it. */
function windowIn(engine: string, name: string): number {
  return Number(new RegExp(`\\b${name} = (\\d+)`).exec(engine)?.[1]);
}
