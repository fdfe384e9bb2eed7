import { ConfigError } from '../../core/contract/errors.js';

/** A name as SQL takes it: quoted, so with any character. DuckDB does not tell `Orders` from `orders`. */
export function quoteName(name: string, what: string): string {
  if (name === '') throw new ConfigError(`a ${what} needs a name`);
  if (name.includes('\0'))
    throw new ConfigError(`the ${what}'s name ${JSON.stringify(name)} has a NUL in it`);
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
