import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import {
  destinationClaims,
  instantiate,
  instruction,
  makeBatch,
  makeRow,
  never,
  refused,
  type TableShape,
  TestDestinations,
  tableShapes,
  type UrlParts,
  urlWith,
} from 'hookline/conformance';
import { instructionOf, type Row } from 'hookline/plugin';
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
  const destinations = new TestDestinations(plugin, () => ({ url: server.url }));
  const ready = destinations.ready.bind(destinations);
  const at = (parts: UrlParts) => destinations.make({ url: urlWith(server.url, parts) });

  before(async function () {
    this.timeout(60_000);
    server = await TestMariadb.start();
  });
  afterEach(() => destinations.close());
  after(() => server.destroy());

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
      'wrong credentials': () => at({ password: 'not-the-password' }),
      'missing database': () => at({ pathname: '/nowhere' }),
      'missing grant': async (table) => {
        await server.sql(`CREATE TABLE IF NOT EXISTS \`${table}\` (${columns.join(', ')})`);
        await server.sql("CREATE USER IF NOT EXISTS reader@127.0.0.1 IDENTIFIED BY 'reader-password'");
        await server.sql('GRANT SELECT, CREATE ON test.* TO reader@127.0.0.1');
        return at({ username: 'reader', password: 'reader-password' });
      },
    },
    outage: { begin: () => server.stop(), end: () => server.start() },
    secrets: () => [server.password, 'not-the-password', 'reader-password'],
  });
  for (const claim of claims) it(claim.name, claim.run).timeout(60_000);

  const table = columns.join(', ');

  it('refuses a table that has no transactions', async () => {
    await server.sql(`CREATE TABLE old (${table}) ENGINE = MyISAM`);
    const error = await refused(ready('old'));
    expect(instructionOf(error)).to.equal('config');
    expect(error.message).to.include('it is MyISAM, not an InnoDB table');
  });

  it('refuses a body that MySQL would write anew, or cut, or take apart', async () => {
    const types = ['text CHARACTER SET utf8mb4', 'longtext CHARACTER SET latin1', 'longblob'];
    for (const [at, type] of types.entries()) {
      await server.sql(`CREATE TABLE other_${at} (${table.replace('longtext CHARACTER SET utf8mb4', type)})`);
      expect(await instruction(ready(`other_${at}`)), type).to.equal('config');
    }
  });

  it('refuses a ledger in which an id can be twice', async () => {
    await server.sql(
      `CREATE TABLE loose (batch_id char(36), table_name varchar(64), \`rows\` bigint, bytes bigint,
                           landed_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))`,
    );
    const error = await refused(ready('fine', { ledger: 'loose' }));
    expect(instructionOf(error)).to.equal('config');
    expect(error.message).to.include('batch_id is not its primary key');
  });

  it('notes each batch in the ledger', async () => {
    const batch = makeBatch('noted', [makeRow(), makeRow()]);
    await (await ready('noted', { ledger: 'my `ledger`' })).write(batch, never);
    const [entry] = await server.sql<RowDataPacket[]>(
      'SELECT batch_id, table_name, `rows`, bytes FROM `my ``ledger```',
    );
    expect(entry).to.deep.equal({
      batch_id: batch.id,
      table_name: 'noted',
      rows: 2,
      bytes: batch.bytes,
    });
  });

  it('calls a body above max_allowed_packet permanent, says so, and goes on', async () => {
    const destination = await ready('large');
    const large = makeBatch('large', [makeRow(), makeRow(Buffer.alloc(17 * 1024 ** 2, 'x'))]);
    const error = await refused(destination.write(large, never));
    expect(instructionOf(error)).to.equal('permanent');
    expect(error.message).to.include('max_allowed_packet');
    await destination.write(makeBatch('large', [makeRow()]), never);
    expect(await destination.latest?.('large', 10, never)).to.have.lengthOf(1);
  });

  it('waits for a server that is read-only', async () => {
    const destination = await ready('orders');
    await server.sql('SET GLOBAL read_only = 1');
    try {
      const error = await refused(destination.check([], never));
      expect(instructionOf(error)).to.equal('retry');
      expect(error.message).to.equal(
        'warehouse: the server is read-only, perhaps after a failover: is it the primary?',
      );
    } finally {
      await server.sql('SET GLOBAL read_only = 0');
    }
  });

  it('calls a server without TLS a ConfigError where TLS is asked for', async () => {
    const error = await refused(ready('orders', { ssl: true }));
    expect(instructionOf(error)).to.equal('config');
    expect(error.message).to.include('the server has no TLS');
  });

  it('proves by check that a missing table could be made, and makes none', async () => {
    await server.sql("CREATE USER poor@127.0.0.1 IDENTIFIED BY 'poor-password'");
    await server.sql('GRANT SELECT, INSERT ON test.* TO poor@127.0.0.1');
    await ready('orders');
    const destination = at({ username: 'poor', password: 'poor-password' });
    await destination.open(never);
    await destination.check(['orders'], never);
    const error = await refused(destination.check(['not_there'], never));
    expect(instructionOf(error)).to.equal('config');
    expect(error.message).to.match(/CREATE command denied.*grant the user SELECT, INSERT and CREATE/);
    await server.sql('GRANT CREATE ON test.* TO poor@127.0.0.1');
    await (await ready('fine')).check(['not_there'], never);
    expect(await server.sql<RowDataPacket[]>("SHOW TABLES LIKE 'not_there'")).to.deep.equal([]);
  });

  it('needs no more than the grants of the README', async () => {
    const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
    const [, block = ''] = /```sql\n(CREATE DATABASE webhooks CHARACTER.*?)```/s.exec(readme) ?? [];
    for (const statement of block.split(';\n').filter((text) => text !== '')) await server.sql(statement);
    const destination = at({ username: 'hookline', password: 'choose-a-password', pathname: '/webhooks' });
    await destination.open(never);
    await destination.check(['orders'], never);
    await destination.ensureTable('orders', never);
    await destination.write(makeBatch('orders', [makeRow()]), never);
    await destination.check(['orders'], never);
    expect(await destination.latest?.('orders', 10, never)).to.have.lengthOf(1);
  });
});
