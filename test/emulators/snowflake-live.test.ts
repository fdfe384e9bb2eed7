import { absent, destinationClaims, instantiate, type TableShape } from 'hookline/conformance';
import plugin from '../../connectors/snowflake/index.js';
import { quoteName, tableName } from '../../connectors/snowflake/name.js';
import { SnowflakeAccount } from '../support/snowflake-account.js';

const columns = [
  '__kdd_request_id VARCHAR NOT NULL',
  '__kdd_request_unix_timestamp FLOAT NOT NULL',
  '__kdd_requester_key VARCHAR NOT NULL',
  '__kdd_request_body VARCHAR NOT NULL',
];

const shapes: Readonly<Record<TableShape, (table: string) => string>> = {
  'without a body': (table) => `CREATE TABLE ${table} (${columns.slice(0, 3).join(', ')})`,
  'with a timestamp that is text': (table) =>
    `CREATE TABLE ${table} (${columns.join(', ').replace('FLOAT', 'VARCHAR')})`,
  'with a mandatory column of its own': (table) =>
    `CREATE TABLE ${table} (${columns.join(', ')}, note VARCHAR NOT NULL)`,
  'that is a view': (table) => `CREATE VIEW ${table} AS SELECT 'a' AS __kdd_request_id`,
  'in another order and with further nullable columns': (table) =>
    `CREATE TABLE ${table} (note VARCHAR, ${columns.toReversed().join(', ')}, n INTEGER NOT NULL DEFAULT 1)`,
};

const given = process.env['HOOKLINE_TEST_SNOWFLAKE'];

describe('the snowflake destination, on a live account', () => {
  if (given === undefined) {
    it('runs the whole suite where HOOKLINE_TEST_SNOWFLAKE names an account, which costs credits');
    return;
  }
  let account: SnowflakeAccount;

  before(async function () {
    this.timeout(120_000);
    account = await SnowflakeAccount.open(given);
  });
  after(async function () {
    this.timeout(120_000);
    await account.close();
  });

  const nameOf = (table: string) => `${account.place}.${quoteName(tableName(table))}`;
  const secrets = Object.entries(JSON.parse(given) as Record<string, unknown>)
    .filter(([option]) => ['privateKey', 'passphrase', 'password', 'token'].includes(option))
    .map(([, value]) => String(value));
  const claims = destinationClaims({
    make: () => instantiate(plugin, account.yaml),
    rows: (table) => account.rows(table),
    describe: async () => {
      const found = await account.run(`SHOW OBJECTS IN SCHEMA ${account.place}`);
      return found.map((row) => [row['name'], row['kind'], row['rows']]);
    },
    tables: {
      create: async (table, shape) => {
        await account.run(shapes[shape](nameOf(table)));
      },
      shapes: Object.keys(shapes) as TableShape[],
    },
    refused: {
      prepare: async (table) => {
        await account.run(`DROP TABLE ${nameOf(table)}`);
        await account.run(
          `CREATE TABLE ${nameOf(table)} (${columns.join(', ').replace('body VARCHAR', 'body VARCHAR(5000)')})`,
        );
      },
      body: Buffer.from(`"${'unspeakable'.repeat(500)}"`),
    },
    limits: { body: 16 * 1024 ** 2, rows: 50_000, bytes: 64 * 1024 ** 2 },
    process: () => ({
      module: new URL('../../connectors/snowflake/index.js', import.meta.url).href,
      plugin: 'snowflake',
      options: account.yaml,
    }),
    misconfigured: {
      'wrong credentials': () => {
        const { account: name, accessUrl, user, database } = account.options;
        const place = { ...(name !== undefined && { account: name }), ...(accessUrl && { accessUrl }) };
        return instantiate(plugin, { ...place, user, database, password: 'not-the-password' });
      },
      'missing database': () => instantiate(plugin, { ...account.yaml, database: 'hookline_nowhere' }),
      'missing grant': absent('it would need a second role; the emulator shows it'),
    },
    outage: absent('a live service is not cut off; the emulator shows it'),
    secrets: () => ['not-the-password', ...secrets],
  });
  for (const claim of claims) it(claim.name, claim.run).timeout(900_000);
});
