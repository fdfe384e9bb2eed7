import type { DuckDBConnection } from '@duckdb/node-api';
import { RetryableError } from '../../core/contract/errors.js';
import { sooner } from './sooner.js';

/**
 * Offers the texts of a query's only column, a chunk of DuckDB's own after the other, as each is taken. A stream
 * that breaks, or is interrupted, ends without a word: so a NULL behind the last text says that it was the last.
 *
 * @param signal ends it, also while nobody asks for the next ones
 * @throws RetryableError when it broke; what was offered is then not all
 */
export async function listTexts(
  connection: DuckDBConnection,
  sql: string,
  offer: (texts: string[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const result = await connection.stream(`${sql} UNION ALL SELECT NULL`);
  let isWhole = false;
  for await (const chunk of result) {
    const values = chunk.getColumnValues(0);
    isWhole = values.at(-1) === null;
    const texts = values.filter((value) => value !== null).map(String);
    signal.throwIfAborted();
    if (texts.length > 0) await sooner(offer(texts), signal);
  }
  if (!isWhole) throw new RetryableError('the list broke off');
}
