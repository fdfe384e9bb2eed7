import {
  type DuckDBConnection,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  StatementType,
} from '@duckdb/node-api';
import type { QueryResult } from '../../core/contract/destination.js';
import { PermanentError } from '../../core/contract/errors.js';
import { ResultSize } from '../../core/kit/result-size.js';
import { faultOf } from './errors.js';
import { toJson } from './json.js';

/** SHOW, DESCRIBE, SUMMARIZE, FROM and the PRAGMAs that only ask are SELECTs to DuckDB. */
const readOnly: readonly StatementType[] = [StatementType.SELECT, StatementType.EXPLAIN];

/**
 * Runs one statement that only reads, in a transaction that cannot write: so that EXPLAIN ANALYZE of an
 * INSERT or a function with effects is refused too. Other files are out of reach by the database's settings.
 */
export async function runReadOnly(
  connection: DuckDBConnection,
  sql: string,
  limit: number,
): Promise<QueryResult> {
  const statement = await prepare(connection, sql);
  try {
    await connection.run('BEGIN TRANSACTION READ ONLY');
    const result = await collect(await statement.stream(), limit);
    // A stream that breaks ends without a word, and cannot be asked. What has few rows is run again as a whole.
    return result.truncated ? result : await collect(await statement.run(), limit);
  } catch (error) {
    const fault = faultOf(error);
    if (fault === undefined) throw error;
    if (fault.type === 'TransactionContext') throw refusal(error);
    // An IO error or a lack of memory is the server's; the rest is the statement's.
    if (['IO', 'Out of Memory', 'FATAL', 'INTERNAL', 'INTERRUPT'].includes(fault.type)) throw error;
    throw new PermanentError(fault.message, { cause: error });
  } finally {
    statement.destroySync();
    await connection.run('ROLLBACK').catch(() => {});
  }
}

/** Value by value, so that no more of a result than it may have is ever here. */
async function collect(result: DuckDBResult, limit: number): Promise<QueryResult> {
  const size = new ResultSize();
  const rows: unknown[][] = [];
  for await (const chunk of result) {
    const columns = Array.from({ length: chunk.columnCount }, (_, at) => chunk.getColumnVector(at));
    for (let at = 0; at < chunk.rowCount; at++) {
      if (rows.length === limit) return { columns: result.columnNames(), rows, truncated: true };
      rows.push(
        columns.map((column) => {
          const value = toJson(column.getItem(at));
          size.add(typeof value === 'string' ? value.length : (JSON.stringify(value)?.length ?? 4));
          return value;
        }),
      );
    }
  }
  return { columns: result.columnNames(), rows, truncated: false };
}

async function prepare(connection: DuckDBConnection, sql: string): Promise<DuckDBPreparedStatement> {
  let statement: DuckDBPreparedStatement;
  try {
    const statements = await connection.extractStatements(sql);
    if (statements.count !== 1) throw refusal();
    statement = await statements.prepare(0);
  } catch (error) {
    if (error instanceof PermanentError) throw error;
    const fault = faultOf(error);
    throw new PermanentError(
      fault?.message ?? 'there is no statement in it: write a SELECT, SHOW or EXPLAIN',
      {
        cause: error,
      },
    );
  }
  if (!readOnly.includes(statement.statementType)) {
    statement.destroySync();
    throw refusal();
  }
  if (statement.parameterCount > 0) {
    statement.destroySync();
    throw new PermanentError('a statement with parameters cannot be run: write the values into it');
  }
  return statement;
}

function refusal(cause?: unknown): PermanentError {
  return new PermanentError('only read-only statements can be run, one at a time: SELECT, SHOW, EXPLAIN', {
    cause,
  });
}
