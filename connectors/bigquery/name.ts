import { ConfigError } from 'hookline/plugin';

/** Of the ledger, in the dataset. */
export const ledgerName = '__hookline_batches';

/** A table's name as SQL takes it, with its dataset's. */
export function quoteName(project: string, dataset: string, table: string): string {
  checkName(table);
  return `\`${project}\`.\`${dataset}\`.\`${table}\``;
}

/** A text as SQL takes it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`;
}

/**
 * What BigQuery takes: letters, marks, digits, connectors, dashes and spaces, 1,024 bytes in all.
 * https://cloud.google.com/bigquery/docs/tables#table_naming
 */
export function checkName(table: string): void {
  const fault = faultOf(table);
  if (fault !== undefined) throw new ConfigError(`the table name ${JSON.stringify(table)} ${fault}`);
}

function faultOf(table: string): string | undefined {
  if (table === '') return 'is empty';
  if (table === ledgerName) return 'is taken: the ledger has it';
  if (!/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]+$/u.test(table)) {
    return 'has a character that BigQuery does not take: use letters, digits, `_`, `-` and spaces';
  }
  return Buffer.byteLength(table) > 1024 ? 'has more than 1024 bytes' : undefined;
}
