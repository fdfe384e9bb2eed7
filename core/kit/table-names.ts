import { ConfigError } from '../contract/errors.js';

/**
 * Of a warehouse that does not tell capitals apart, as its server says: there a table has but one name, so no
 * two pipelines share it under two names. Its name in lower case is the same table.
 * @throws ConfigError for a name with capitals
 */
export function expectLowerCase(table: string): void {
  const lower = table.toLowerCase();
  if (table === lower) return;
  throw new ConfigError(
    `the table's name ${JSON.stringify(table)} has capitals, which this server does not tell apart: write ${lower}, which is the same table`,
  );
}
