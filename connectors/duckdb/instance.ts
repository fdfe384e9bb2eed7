import type { DuckDBInstance } from '@duckdb/node-api';

/**
 * Opens a database of DuckDB's own, which is loaded when the first one is: it takes 25 MiB, which a process that
 * answers senders does not need.
 */
export async function createInstance(
  path: string,
  config: Readonly<Record<string, string>>,
): Promise<DuckDBInstance> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  return await DuckDBInstance.create(path, { ...config });
}
