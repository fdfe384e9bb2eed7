import { ConfigError } from 'hookline/plugin';
import { quoteText } from '../duckdb/name.js';

/** What lies beside the tables: drafts, and the records of merges. Readers pass over a leading underscore. */
export const ownFolder = '_hookline';

/** The name, which is a folder's as it stands. @throws ConfigError for one that cannot be a folder's everywhere */
export function folderOf(table: string): string {
  const fault = faultOf(table);
  if (fault !== undefined) throw new ConfigError(`the table name ${JSON.stringify(table)} ${fault}`);
  return table;
}

/** A path as DuckDB's readers take it, which look for patterns in it. */
export function quotePattern(path: string): string {
  return quoteText(path.replaceAll(/[*?[]/g, '[$&]'));
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (Buffer.from(name).toString() !== name) return 'is no Unicode text';
  if (/^[_.]/.test(name)) return 'begins with _ or a dot: readers of a lake pass over such folders';
  if (/[. ]$/.test(name)) return 'ends with a dot or a space, which some file systems drop';
  const odd = /[\p{Cc}/\\:*?"<>|=[\]{}%#]/u.exec(name)?.[0];
  if (odd !== undefined) {
    return `has ${JSON.stringify(odd)} in it, which means something to file systems, to patterns or in partitions`;
  }
  if (Buffer.byteLength(name) > 200) return "is too long for a folder's: 200 bytes in UTF-8";
  return undefined;
}
