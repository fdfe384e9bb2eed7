import { inspect } from 'node:util';
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
import { instructionOf, type Key, type Row } from 'hookline/plugin';
import { createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import plugin from '../../connectors/mysql/index.js';
import { silent } from '../../core/conformance/instantiate.js';
import { eventually } from '../support/hookline.js';
import { TestMariadb } from '../support/mariadb.js';
import { blocksOf, pageOf } from '../support/pages.js';

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

  const loose = {
    'without a key': '',
    'whose key has another column besides': ', PRIMARY KEY (batch_id, `rows`)',
    'whose key is only the beginning of the id': ', UNIQUE (batch_id(8))',
  };
  for (const [at, [what, key]] of Object.entries(loose).entries()) {
    it(`refuses a ledger ${what}`, async () => {
      await server.sql(
        `CREATE TABLE loose_${at} (batch_id char(36) NOT NULL, table_name varchar(64), \`rows\` bigint,
           bytes bigint, landed_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)${key})`,
      );
      for (const look of [() => ready('fine', { ledger: `loose_${at}` }), () => checked(`loose_${at}`)]) {
        const error = await refused(look());
        expect(instructionOf(error)).to.equal('config');
        expect(error.message).to.include('batch_id is not its primary key');
      }
    });
  }
  /** What `check` says of a ledger. */
  async function checked(ledger: string): Promise<void> {
    const destination = destinations.make({ ledger });
    await destination.open(never);
    await destination.check([], never);
  }

  it('takes a duplicate of another key of the ledger for no batch that has landed', async () => {
    const destination = await ready('doubtful', { ledger: 'keys' });
    await server.sql('ALTER TABLE `keys` ADD UNIQUE (`rows`)');
    await destination.write(makeBatch('doubtful', [makeRow()]), never);
    expect(await instruction(destination.write(makeBatch('doubtful', [makeRow()]), never))).to.equal('retry');
  });

  it('refuses columns that are too short for any row', async () => {
    await server.sql(`CREATE TABLE short (${table.replace('varchar(40)', 'varchar(19)')})`);
    const error = await refused(ready('short'));
    expect(instructionOf(error)).to.equal('config');
    expect(error.message).to.include('__kdd_request_id is varchar(19), shorter than 20');
  });

  it('calls a partition that is missing a fault of the set-up', async () => {
    await server.sql(
      `CREATE TABLE parted (${table.replace('__kdd_requester_key text', '__kdd_requester_key varchar(64)')})
       PARTITION BY LIST COLUMNS (__kdd_requester_key) (PARTITION p0 VALUES IN ('another tenant'))`,
    );
    const error = await refused((await ready('parted')).write(makeBatch('parted', [makeRow()]), never));
    expect(error.message).to.include('give the table a partition for such rows');
    expect(instructionOf(error)).to.equal('config');
  });

  for (const [end, retired] of [
    ['COMMIT', 'landed'],
    ['ROLLBACK', 'void'],
  ] as const) {
    it(`gives a batch up once the server is over with it, here by a ${end}; no later try lands it`, async () => {
      const destination = await ready('given');
      const batch = makeBatch('given', [makeRow(), makeRow()]);
      const writer = await createConnection(server.url);
      await writer.query('START TRANSACTION');
      await writer.query(
        "INSERT INTO __hookline_batches (batch_id, table_name, `rows`, bytes) VALUES (?, 'given', 2, 1)",
        [batch.id],
      );
      const retiring = destination.retire?.(batch, never);
      await eventually('it waits', async () => {
        const found = await server.sql<RowDataPacket[]>(
          "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'",
        );
        return found.length === 1 || undefined;
      });
      await writer.query(end);
      await writer.end();
      expect(await retiring).to.equal(retired);
      const writing = destination.write(batch, never);
      if (retired === 'landed') await writing;
      else expect(await refused(writing)).to.include({ code: 'retired' });
      expect(await destination.retire?.(batch, never)).to.equal(retired);
      expect(await server.sql<RowDataPacket[]>('SELECT 1 FROM given')).to.deep.equal([]);
    });
  }

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

  it('adds to a ledger of before where batches are from, or says that it may not, and goes on', async () => {
    const ledger = 'ledger_of_before';
    const table = 't_of_before';
    await (await ready(table, { ledger })).close();
    await server.sql(`ALTER TABLE ${ledger} DROP COLUMN spool, DROP COLUMN \`serial\``);
    await server.sql(`CREATE USER writer IDENTIFIED BY 'writer-password'`);
    await server.sql(`GRANT SELECT, INSERT ON test.* TO writer`);
    const from = (serial: number) => ({ ...makeBatch(table, [makeRow()]), origin: { spool: 'x1', serial } });
    const warnings: string[] = [];
    const logger = { ...silent, warn: (_: object, text: string) => void warnings.push(text) };
    const url = urlWith(server.url, { username: 'writer', password: 'writer-password' });
    const writer = plugin.create(plugin.config.parse({ url, ledger }), <T>(_key: Key<T>) => logger as T);
    try {
      await writer.open(never);
      warnings.length = 0;
      for (let n = 0; n < 2; n++) await writer.ensureTable(table, never);
      await writer.write(from(1), never);
      expect(await writer.newestBatch?.('x1', never)).to.equal(undefined);
      expect(warnings.length, 'once').to.equal(1);
      expect(warnings[0]).to.match(
        /no columns spool and serial \(.*ALTER command denied.*run: ALTER TABLE `ledger_of_before` ADD COLUMN/,
      );
      const owner = await ready(table, { ledger });
      const second = from(2);
      await owner.write(second, never);
      await writer.ensureTable(table, never);
      const third = from(3);
      await writer.write(third, never);
      for (const each of [owner, writer]) {
        expect(await each.newestBatch?.('x1', never)).to.deep.equal({ id: third.id, serial: 3 });
      }
    } finally {
      await writer.close();
    }
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

  it('needs no more than the grants of its page', async () => {
    const [block = ''] = blocksOf(pageOf('connectors/mysql/README.md'), 'sql');
    for (const statement of block.split(';\n').filter((text) => text !== '')) await server.sql(statement);
    const destination = at({ username: 'hookline', password: 'choose-a-password', pathname: '/webhooks' });
    await destination.open(never);
    await destination.check(['orders'], never);
    await destination.ensureTable('orders', never);
    await destination.write(makeBatch('orders', [makeRow()]), never);
    await destination.check(['orders'], never);
    expect(await destination.latest?.('orders', 10, never)).to.have.lengthOf(1);
  });

  it('works under whatever settings server and user have', async () => {
    const hostile: Readonly<Record<string, string | number>> = {
      sql_mode: "'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO,PAD_CHAR_TO_FULL_LENGTH'",
      tx_read_only: 1,
      tx_isolation: "'READ-UNCOMMITTED'",
      autocommit: 0,
      completion_type: "'RELEASE'",
      sql_select_limit: 1,
      sql_big_selects: 0,
      max_join_size: 1,
      unique_checks: 0,
      time_zone: "'-12:00'",
      max_statement_time: 0.0001,
      innodb_lock_wait_timeout: 1,
      lock_wait_timeout: 1,
      idle_transaction_timeout: 1,
      // Only of a user that is no administrator.
      init_connect: "'SET NAMES latin1'",
    };
    await server.sql("CREATE USER plain@127.0.0.1 IDENTIFIED BY 'plain-password'");
    await server.sql('GRANT SELECT, INSERT, CREATE ON test.* TO plain@127.0.0.1');
    const names = Object.keys(hostile);
    const [before] = await server.sql<RowDataPacket[]>(
      `SELECT ${names.map((name) => `@@GLOBAL.${name} AS ${name}`).join(', ')}`,
    );
    const admin = await createConnection({ uri: server.url });
    const batch = makeBatch(
      'hostile',
      Array.from({ length: 2000 }, () => makeRow('"ação 日本 \\\\ 😀"')),
    );
    try {
      for (const name of names) await admin.query(`SET GLOBAL ${name} = ${hostile[name]}`);
      const destination = at({ username: 'plain', password: 'plain-password' });
      await destination.open(never);
      await destination.ensureTable('hostile', never);
      await destination.check(['hostile'], never);
      for (let n = 0; n < 2; n++) await destination.write(batch, never);
      const ids: string[] = [];
      const range = { from: 0, to: Number.MAX_SAFE_INTEGER };
      for await (const some of destination.requestIds?.('hostile', range, never) ?? []) ids.push(...some);
      expect(ids.sort()).to.deep.equal(batch.rows.map(({ requestId }) => requestId).sort());
      const newest = (await destination.latest?.('hostile', 2000, never)) ?? [];
      expect(newest.map(({ body }) => Buffer.from(body).toString())).to.deep.equal(
        batch.rows.map(({ body }) => Buffer.from(body).toString()),
      );
    } finally {
      for (const name of names) await admin.query(`SET GLOBAL ${name} = ?`, [before?.[name]]);
      await admin.end();
    }
  });

  it('repeats nothing of a row, whatever error a trigger makes of it', async () => {
    const destination = await ready('guarded');
    const states = { '45000': 'permanent', '42000': 'permanent', '08S01': 'permanent' };
    const batch = makeBatch('guarded', [makeRow(Buffer.from('{"mail":"somebody@example.com"}'))]);
    const raise = (signal: string) =>
      server.sql(
        `CREATE OR REPLACE TRIGGER guard BEFORE INSERT ON guarded FOR EACH ROW BEGIN
         DECLARE said text; SET said = LEFT(NEW.__kdd_request_body, 100); SIGNAL SQLSTATE ${signal}; END`,
      );
    for (const [state, expected] of Object.entries(states)) {
      await raise(`'${state}' SET MESSAGE_TEXT = said`);
      const error = await refused(destination.write(batch, never));
      expect(instructionOf(error), state).to.equal(expected);
      expect(error).to.include({ code: '1644' });
      expect(inspect(error, { depth: 9 })).to.not.include('somebody');
    }
    // Under the number of another error, which is not of rows.
    await raise("'HY000' SET MESSAGE_TEXT = said, MYSQL_ERRNO = 1205");
    const error = await refused(destination.write(batch, never));
    expect(instructionOf(error)).to.equal('retry');
    expect(inspect(error, { depth: 9 })).to.not.include('somebody');
  });
});
