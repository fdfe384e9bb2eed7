import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Row } from 'hookline/plugin';
import { tableName } from '../../connectors/snowflake/name.js';
import type { FoundRow } from './ack-log.js';
import { project, TestBigquery } from './bigquery.js';
import { rowsOf } from './bigquery-subject.js';
import { readLake } from './lake.js';
import { TestMinio } from './minio.js';
import { startPostgres } from './postgres.js';
import { readDuckDb, readPostgres } from './readers.js';
import { TestSnowflake } from './snowflake.js';

/** A warehouse that runs here, as the YAML names it and as a reader that is not Hookline sees it. */
export interface Warehouse {
  /** The destination in the YAML, its type and how to reach it. */
  readonly options: object;
  /** All rows of a table. */
  rows(table: string): Promise<FoundRow[]>;
  destroy(): Promise<void>;
}

/** How to start each; what is to be installed first takes minutes. */
export const warehouses = { postgres, bigquery, snowflake, duckdb, lake } as const;

export type WarehouseName = keyof typeof warehouses;

async function postgres(): Promise<Warehouse> {
  const server = await startPostgres();
  const url = await server.createDatabase();
  return {
    options: { type: 'postgres', url },
    rows: (table) => readPostgres(url, table),
    destroy: () => server.destroy(),
  };
}

async function bigquery(): Promise<Warehouse> {
  const server = await TestBigquery.start('goccy');
  await server.renew(['hooks']);
  return {
    options: {
      type: 'bigquery',
      project,
      dataset: 'hooks',
      credentials: { json: JSON.stringify(server.writer) },
      ...server.endpoints,
      // The emulator takes no larger requests, and has no partitions.
      requestBytes: 3_500_000,
      table: { partition: 'none' },
    },
    rows: async (table) => found(await rowsOf(server, 'hooks', table)),
    destroy: () => server.destroy(),
  };
}

async function snowflake(): Promise<Warehouse> {
  const server = await TestSnowflake.start();
  return {
    options: { type: 'snowflake', ...server.options },
    rows: async (table) => found(await server.rows(tableName(table))),
    destroy: () => server.destroy(),
  };
}

async function duckdb(): Promise<Warehouse> {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-duckdb-'));
  const path = join(folder, 'warehouse.duckdb');
  return {
    options: { type: 'duckdb', path },
    rows: (table) => readDuckDb(path, table),
    destroy: () => rm(folder, { recursive: true, force: true }),
  };
}

async function lake(): Promise<Warehouse> {
  const server = await TestMinio.start();
  const prefix = 'raw/hooks';
  return {
    options: { type: 'parquet', prefix, ...server.options },
    rows: async (table) => {
      const copy = await mkdtemp(join(tmpdir(), 'hookline-lake-'));
      try {
        await server.mirror(`${prefix}/${table}/`, copy);
        return found(await readLake(join(copy, prefix), table));
      } finally {
        await rm(copy, { recursive: true, force: true });
      }
    },
    destroy: () => server.destroy(),
  };
}

function found(rows: readonly Row[]): FoundRow[] {
  return rows.map((row) => ({ ...row, body: Buffer.from(row.body) }));
}
