import { chart } from 'hookline/plugin';

/** A column of a Parquet file, in DuckDB's words for its type. */
export interface Column {
  readonly name: string;
  readonly type: string;
  /** Every row must have a value: `REQUIRED`. */
  readonly mandatory: boolean;
}

const types = { text: 'VARCHAR', float64: 'DOUBLE' } as const;

/** Of the files that this plugin makes. */
export const columns = chart.map(({ name, type }) => ({ name, type: types[type] }));

/** Why files of the chart cannot lie beside one of these columns; `undefined` when they can. */
export function misfit(found: readonly Column[]): string | undefined {
  const faults: string[] = [];
  for (const { name, type } of columns) {
    const column = found.find((candidate) => candidate.name === name);
    if (column === undefined) faults.push(`${name} is missing`);
    else if (column.type !== type) faults.push(`${name} is ${column.type}, not ${type}`);
  }
  for (const { name, mandatory } of found) {
    if (mandatory && !columns.some((column) => column.name === name)) faults.push(`${name} is REQUIRED`);
  }
  return faults.length === 0 ? undefined : faults.join(', ');
}
