import type { DuckDBConnection } from '@duckdb/node-api';

/** Offers the texts of a query's only column, a chunk of DuckDB's own after the other, as each is taken. */
export async function listTexts(
  connection: DuckDBConnection,
  sql: string,
  offer: (texts: string[]) => Promise<void>,
): Promise<void> {
  const result = await connection.stream(sql);
  for await (const chunk of result) {
    const texts = chunk.getColumnValues(0).map(String);
    if (texts.length > 0) await offer(texts);
  }
}
