import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DuckDBBlobValue, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import type { TableShape } from 'hookline/conformance';
import type { Row } from 'hookline/plugin';

/** Runs a statement on a DuckDB of its own, as any reader of a lake would. */
export async function duckdb(text: string): Promise<DuckDBValue[][]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(text)).getRows();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Every row that a reader of the folder sees, by DuckDB's reader of Hive partitions. */
export async function readLake(root: string, table: string): Promise<Row[]> {
  const files = await filesOf(join(root, table));
  if (files.length === 0) return [];
  const rows = await duckdb(
    `SELECT __kdd_request_id, __kdd_request_unix_timestamp, __kdd_requester_key, encode(__kdd_request_body)
       FROM read_parquet(${quoted(join(root.replaceAll(/[*?[]/g, '[$&]'), table, '*/*/*.parquet'))}, hive_partitioning = true, union_by_name = true)`,
  );
  return rows.map(([id, at, key, body]) => ({
    requestId: String(id),
    timestamp: Number(at),
    key: String(key),
    body: (body as DuckDBBlobValue).bytes,
  }));
}

/** The files in a folder, however deep, as paths from it; those of hidden folders too. */
export async function filesOf(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Every folder and file of a lake, with the files' sizes. */
export async function describeLake(root: string): Promise<unknown> {
  if (!existsSync(root)) return [];
  const names = await readdir(root, { recursive: true });
  return await Promise.all(
    names.sort().map(async (name) => {
      const found = await stat(join(root, name));
      return [name, found.isFile() ? found.size : 'folder'];
    }),
  );
}

/** The contents of all data files of a table, by their paths. */
export async function contentsOf(root: string, table: string): Promise<Map<string, Buffer>> {
  const names = await filesOf(join(root, table));
  const files = await Promise.all(
    names.map(async (name): Promise<[string, Buffer]> => [name, await readFile(join(root, table, name))]),
  );
  return new Map(files);
}

const columns = {
  id: "'abc' AS __kdd_request_id",
  time: '1.5::DOUBLE AS __kdd_request_unix_timestamp',
  key: "'k' AS __kdd_requester_key",
  body: "'{}' AS __kdd_request_body",
};

/** What somebody else may have put there. A lake knows no views. */
export const lakeShapes = {
  'without a body': `SELECT ${columns.id}, ${columns.time}, ${columns.key} WHERE false`,
  'with a timestamp that is text': `SELECT ${columns.id}, '1.5' AS __kdd_request_unix_timestamp, ${columns.key}, ${columns.body} WHERE false`,
  'in another order and with further nullable columns': `SELECT 7 AS note, ${columns.body}, ${columns.key}, ${columns.time}, ${columns.id} WHERE false`,
} satisfies Partial<Record<TableShape, string>>;

/** Makes a file of one of these shapes. */
export async function makeForeign(path: string, shape: keyof typeof lakeShapes): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await duckdb(`COPY (${lakeShapes[shape]}) TO ${quoted(path)} (FORMAT parquet)`);
}
