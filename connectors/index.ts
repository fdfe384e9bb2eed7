import type { Catalogue } from '../core/host/registry.js';

/**
 * The built-in connectors. Each is loaded when a YAML names it, and in the same way as a third party's:
 * by its name, through the module's default export. A new one gets its line here.
 */
export const builtins: Catalogue = {
  destination: {
    bigquery: () => import('./bigquery/index.js'),
    clickhouse: () => import('./clickhouse/index.js'),
    duckdb: () => import('./duckdb/index.js'),
    memory: () => import('./memory/index.js'),
    mysql: () => import('./mysql/index.js'),
    parquet: () => import('./parquet/index.js'),
    postgres: () => import('./postgres/index.js'),
    snowflake: () => import('./snowflake/index.js'),
  },
  'token-store': {
    lmdb: () => import('./lmdb/index.js'),
    postgres: () => import('./postgres/index.js'),
    static: () => import('./static/index.js'),
  },
  spool: {
    lmdb: () => import('./lmdb/index.js'),
  },
};
