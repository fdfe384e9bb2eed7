import { destinationClaims, instantiate, type TableShape, tableShapes } from 'hookline/conformance';
import type { Row } from 'hookline/plugin';
import type { ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import plugin from '../../connectors/mysql/index.js';
import { TestMariadb } from '../support/mariadb.js';

const columns = [
  '__kdd_request_id varchar(40) CHARACTER SET utf8mb4 NOT NULL',
  '__kdd_request_unix_timestamp double NOT NULL',
  '__kdd_requester_key text CHARACTER SET utf8mb4 NOT NULL',
  '__kdd_request_body longtext CHARACTER SET utf8mb4 NOT NULL',
];

const shapes: Readonly<Record<TableShape, (table: string) => string>> = {
  'without a body': (table) => `CREATE TABLE ${table} (${columns.slice(0, 3).join(', ')})`,
  'with a timestamp that is text': (table) =>
    `CREATE TABLE ${table} (${columns.join(', ').replace('double', 'varchar(40)')})`,
  'with a mandatory column of its own': (table) =>
    `CREATE TABLE ${table} (${columns.join(', ')}, tenant int NOT NULL)`,
  'that is a view': (table) => `CREATE VIEW ${table} AS SELECT 1 AS __kdd_request_id`,
  'in another order and with further nullable columns': (table) =>
    `CREATE TABLE ${table} (note text, ${columns.toReversed().join(', ')}, n int DEFAULT 1)`,
};

describe('the mysql destination, on MariaDB', () => {
  let server: TestMariadb;

  before(async function () {
    this.timeout(60_000);
    server = await TestMariadb.start();
  });
  after(() => server.destroy());

  const at = (change: (address: URL) => void) => {
    const address = new URL(server.url);
    change(address);
    return instantiate(plugin, { url: address.href });
  };
  const claims = destinationClaims({
    make: () => instantiate(plugin, { url: server.url }),
    rows: async (table) => {
      const rows = await server.sql<RowDataPacket[]>(
        `SELECT __kdd_request_id AS requestId, __kdd_request_unix_timestamp AS timestamp,
                __kdd_requester_key AS \`key\`, CAST(__kdd_request_body AS BINARY) AS body
           FROM \`${table.replaceAll('`', '``')}\``,
      );
      return rows.map((row) => ({ ...(row as unknown as Row) }));
    },
    describe: async () => {
      const found = await server.sql<RowDataPacket[]>(
        `SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE FROM information_schema.COLUMNS
          WHERE TABLE_SCHEMA = 'test' ORDER BY 1, 2`,
      );
      const names = [...new Set(found.map((row) => String(row['TABLE_NAME'])))];
      const counts = names.map((name) => `SELECT COUNT(*) AS n FROM \`${name.replaceAll('`', '``')}\``);
      return [found, names.length === 0 ? [] : await server.sql<RowDataPacket[]>(counts.join(' UNION ALL '))];
    },
    tables: {
      create: async (table, shape) => {
        await server.sql<ResultSetHeader>(shapes[shape](`\`${table}\``));
      },
      shapes: tableShapes,
    },
    refused: { body: Buffer.from('"somebody@example.com \xff"', 'latin1') },
    limits: { body: 15 * 1024 ** 2, rows: 20_000, bytes: 32 * 1024 ** 2 },
    process: () => ({
      module: new URL('../../connectors/mysql/index.js', import.meta.url).href,
      plugin: 'mysql',
      options: { url: server.url },
    }),
    misconfigured: {
      'wrong credentials': () =>
        at((address) => {
          address.password = 'not-the-password';
        }),
      'missing database': () =>
        at((address) => {
          address.pathname = '/nowhere';
        }),
      'missing grant': async (table) => {
        await server.sql(`CREATE TABLE IF NOT EXISTS \`${table}\` (${columns.join(', ')})`);
        await server.sql("CREATE USER IF NOT EXISTS reader@127.0.0.1 IDENTIFIED BY 'reader-password'");
        await server.sql('GRANT SELECT, CREATE ON test.* TO reader@127.0.0.1');
        return at((address) => {
          address.username = 'reader';
          address.password = 'reader-password';
        });
      },
    },
    outage: { begin: () => server.stop(), end: () => server.start() },
    secrets: () => [server.password, 'not-the-password', 'reader-password'],
  });
  for (const claim of claims) it(claim.name, claim.run).timeout(60_000);
});
