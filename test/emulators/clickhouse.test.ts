import { destinationClaims, instantiate, type TableShape } from 'hookline/conformance';
import plugin from '../../connectors/clickhouse/index.js';
import { decodeRows } from '../../connectors/clickhouse/native.js';
import { TestClickhouse } from '../support/clickhouse.js';

const columns = [
  '__kdd_request_id String',
  '__kdd_request_unix_timestamp Float64',
  '__kdd_requester_key String',
  '__kdd_request_body String',
];
const names = columns.map((column) => column.split(' ')[0]).join(', ');

/** Debian's server is of 2018: without a Keeper it does not recognise a repeated INSERT. */
const engine = "ReplicatedMergeTree('/test/{table}', 'one')";
const engineOf = (table: string) => engine.replace('{table}', table);

const shapes = {
  'without a body': (table: string) =>
    `CREATE TABLE ${table} (${columns.slice(0, 3).join(', ')}) ENGINE = ${engineOf(table)} ORDER BY __kdd_request_id`,
  'with a timestamp that is text': (table: string) =>
    `CREATE TABLE ${table} (${columns.join(', ').replace('Float64', 'String')})
     ENGINE = ${engineOf(table)} ORDER BY __kdd_request_id`,
  'that is a view': (table: string) => `CREATE VIEW ${table} AS SELECT 1 AS __kdd_request_id`,
  'in another order and with further nullable columns': (table: string) =>
    `CREATE TABLE ${table} (note Nullable(String), ${columns.toReversed().join(', ')}, n UInt8 DEFAULT 1)
     ENGINE = ${engineOf(table)} ORDER BY __kdd_request_id`,
} satisfies Partial<Record<TableShape, (table: string) => string>>;
type Shape = keyof typeof shapes;

describe('the clickhouse destination', () => {
  let server: TestClickhouse;

  before(async function () {
    this.timeout(60_000);
    server = await TestClickhouse.start();
  });
  after(() => server.destroy());

  const at = (change: (address: URL) => void) => {
    const address = new URL(server.url);
    change(address);
    return instantiate(plugin, { url: address.href, engine });
  };
  const claims = destinationClaims({
    make: () => instantiate(plugin, { url: server.url, engine }),
    rows: async (table) =>
      decodeRows(
        await server.sql(`SELECT ${names} FROM \`${table.replaceAll(/[\\`]/g, '\\$&')}\` FORMAT RowBinary`),
      ),
    describe: async () => {
      const found = await server.sql(
        "SELECT table, name, type FROM system.columns WHERE database = 'test' ORDER BY table, name",
      );
      const counts = await server.sql(
        "SELECT table, sum(rows) FROM system.parts WHERE database = 'test' AND active GROUP BY table ORDER BY table",
      );
      return [found.toString(), counts.toString()];
    },
    tables: {
      create: async (table, shape) => {
        await server.sql(shapes[shape as Shape](table));
      },
      // A column of ClickHouse always has a default.
      shapes: Object.keys(shapes) as Shape[],
    },
    refused: {
      // A column that throws stands in for a CHECK, which a server of 2018 does not have.
      prepare: async (table) => {
        await server.sql(`DROP TABLE ${table}`);
        await server.sql(
          `CREATE TABLE ${table} (${columns.join(', ')},
             sound UInt8 DEFAULT throwIf(position(__kdd_request_body, 'unspeakable') > 0))
           ENGINE = ${engineOf(`${table}_checked`)} ORDER BY __kdd_request_id`,
        );
      },
      body: Buffer.from('"unspeakable"'),
    },
    limits: { body: 32 * 1024 ** 2, rows: 100_000, bytes: 64 * 1024 ** 2 },
    process: () => ({
      module: new URL('../../connectors/clickhouse/index.js', import.meta.url).href,
      plugin: 'clickhouse',
      options: { url: server.url, engine },
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
      'missing grant': () =>
        at((address) => {
          address.username = 'reader';
          address.password = server.readerPassword;
        }),
    },
    outage: { begin: () => server.stop(), end: () => server.start() },
    secrets: () => [server.password, server.readerPassword, 'not-the-password'],
  });
  for (const claim of claims) it(claim.name, claim.run).timeout(60_000);
});
