import { ConfigError } from 'hookline/plugin';

/** What SQL takes without quotes. */
const plain = /^[a-z_][a-z0-9_$]*$/i;
const longest = 255;

/**
 * The name that a table of the YAML has in Snowflake. One of lower case letters is what SQL makes of it
 * without quotes: `leads` is LEADS, and `SELECT * FROM leads` finds it. One that SQL takes in quotes alone,
 * such as `two words`, is taken as it is. So no two names become one.
 * @throws ConfigError for any other
 */
export function tableName(name: string): string {
  const fault = faultOf(name);
  if (fault !== undefined) throw new ConfigError(`the table's name ${JSON.stringify(name)} ${fault}`);
  return plain.test(name) ? name.toUpperCase() : name;
}

/** The name of a database, a schema, a role or a warehouse, as SQL reads it: in quotes it is exact. */
export function objectName(written: string): string {
  const quoted = /^"((?:[^"]|"")+)"$/s.exec(written)?.[1];
  if (quoted !== undefined) return quoted.replaceAll('""', '"');
  return plain.test(written) ? written.toUpperCase() : written;
}

/** The same as SQL takes it. */
export function sqlName(written: string): string {
  return plain.test(written) ? written : quoteName(objectName(written));
}

/** A name as SQL takes it, exactly. */
export function quoteName(...parts: readonly string[]): string {
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

/** A pattern of SHOW … LIKE that finds the name, and perhaps others: nothing in it needs to be escaped. */
export function patternOf(name: string): string {
  return `'${name.replaceAll(/[^A-Za-z0-9]/gu, '_')}'`;
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.includes('\0')) return 'has a NUL in it';
  if (Array.from(name).length > longest)
    return `is longer than the ${longest} characters that Snowflake takes`;
  if (plain.test(name) && /[A-Z]/.test(name)) {
    return `has capitals, which names in SQL do not tell apart: write ${name.toLowerCase()}, which is ${name.toUpperCase()} in Snowflake`;
  }
  return undefined;
}
