import { inspect } from 'node:util';
import { expect } from 'chai';
import {
  destinationClaims,
  instantiate,
  makeBatch,
  makeRow,
  makeRows,
  never,
  refused,
  type TableShape,
  TestDestinations,
  type UrlParts,
  urlWith,
} from 'hookline/conformance';
import { instructionOf } from 'hookline/plugin';
import plugin from '../../connectors/clickhouse/index.js';
import { decodeRows } from '../../connectors/clickhouse/native.js';
import { TestClickhouse } from '../support/clickhouse.js';
import { type Between, Cut, FaultProxy, type Passing } from '../support/fault-proxy.js';

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
  const destinations = new TestDestinations(plugin, () => ({ url: server.url, engine }));
  const ready = destinations.ready.bind(destinations);
  const at = (parts: UrlParts) => destinations.make({ url: urlWith(server.url, parts) });

  before(async function () {
    this.timeout(60_000);
    server = await TestClickhouse.start();
  });
  afterEach(() => destinations.close());
  after(() => server.destroy());

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
      'wrong credentials': () => at({ password: 'not-the-password' }),
      'missing database': () => at({ pathname: '/nowhere' }),
      'missing grant': () => at({ username: 'reader', password: server.readerPassword }),
    },
    outage: { begin: () => server.stop(), end: () => server.start() },
    secrets: () => [server.password, server.readerPassword, 'not-the-password'],
  });
  for (const claim of claims) it(claim.name, claim.run).timeout(60_000);

  const count = async (table: string) =>
    Number((await server.sql(`SELECT count() FROM ${table}`)).toString());

  const unsound: Readonly<Record<string, [engine: string, reason: string]>> = {
    plain: [
      'MergeTree ORDER BY __kdd_request_id',
      'MODIFY SETTING non_replicated_deduplication_window = 1000',
    ],
    parted: [
      `${engineOf('parted')} PARTITION BY substring(__kdd_request_id, 1, 1) ORDER BY __kdd_request_id`,
      'it has partitions',
    ],
    merged: ['ReplacingMergeTree ORDER BY __kdd_request_id', 'it is a ReplacingMergeTree'],
    log: ['TinyLog', 'it is a TinyLog'],
    nothing: ['Null', 'it is a Null'],
    memory: ['Memory', 'it is a Memory'],
    buffer: ["Buffer('', '', 1, 10, 100, 10000, 1000000, 10000000, 100000000)", 'it is a Buffer'],
  };
  for (const [table, [made, reason]] of Object.entries(unsound)) {
    it(`refuses a table that is ${made.split(' ')[0]}, since ${reason}`, async () => {
      await server.sql(`CREATE TABLE ${table} (${columns.join(', ')}) ENGINE = ${made}`);
      const error = await refused(ready(table));
      expect(instructionOf(error)).to.equal('config');
      expect(error.message).to.include(reason);
    });
  }

  it('makes one part of a batch', async () => {
    await (await ready('whole')).write(makeBatch('whole', makeRows(50_000)), never);
    const parts = "SELECT count() FROM system.parts WHERE table = 'whole'";
    expect((await server.sql(parts)).toString()).to.equal('1\n');
  });

  it('finds a batch that ClickHouse itself has forgotten by its rows', async () => {
    const destination = await ready('old');
    const batch = makeBatch('old', makeRows(3));
    await destination.write(batch, never);
    // Another order of its rows is another block, so nothing that ClickHouse would ignore.
    await destination.write({ ...batch, rows: batch.rows.toReversed() }, never);
    expect(await count('old')).to.equal(3);
  });

  it('adds what is new of a batch in which a restored spool has mixed landed rows with new ones', async () => {
    const destination = await ready('mixed');
    const [landed, added] = [makeRows(2), makeRows(12_000)];
    await destination.write(makeBatch('mixed', landed), never);
    const batch = makeBatch('mixed', [...landed, ...added]);
    for (let n = 0; n < 2; n++) await destination.write(batch, never);
    expect(await count('mixed')).to.equal(12_002);
  });

  it('works under whatever the profile of the user sets', async () => {
    const destination = await ready('hostile', { url: server.hostileUrl });
    const batch = makeBatch('hostile', makeRows(6000));
    const [landed, added] = [batch.rows.slice(0, 10), makeRows(3)];
    await destination.write(batch, never);
    await destination.check(['hostile'], never);
    // Another order, and further rows: it is found by what is in the table, all of which has to be seen.
    const mixed = [...landed, ...added, ...batch.rows.slice(10)];
    await destination.write(makeBatch('hostile', mixed), never);
    expect(await count('hostile')).to.equal(6003);
    const ids: string[] = [];
    const range = { from: 0, to: Number.MAX_SAFE_INTEGER };
    for await (const some of destination.requestIds?.('hostile', range, never) ?? []) ids.push(...some);
    expect(ids).to.have.lengthOf(6003);
    expect(await destination.latest?.('hostile', 10, never)).to.have.lengthOf(10);
  });

  it('repeats nothing of a row that a column cannot be made of', async () => {
    await server.sql(
      `CREATE TABLE numbers (${columns.join(', ')}, n UInt64 DEFAULT toUInt64(__kdd_request_body))
       ENGINE = ${engineOf('numbers')} ORDER BY __kdd_request_id`,
    );
    const batch = makeBatch('numbers', [makeRow('"somebody@example.com"')]);
    const error = await refused((await ready('numbers')).write(batch, never));
    expect(instructionOf(error), error.message).to.equal('permanent');
    expect(error).to.have.property('code').that.matches(/^\d+$/);
    expect(inspect(error, { depth: 9 })).to.not.include('somebody');
  });

  describe('when the INSERT itself fails', () => {
    let proxy: FaultProxy;
    const isInsert = ({ path, body }: Passing) => /INSERT/.test(decodeURIComponent(path) + body.toString());
    const through = (table: string) =>
      ready(table, { url: urlWith(server.url, { port: new URL(proxy.url).port }) });
    /** What goes wrong with the first INSERT that has rows, and whether they are in the table then. */
    const ways: Readonly<Record<string, readonly [Between, landed: boolean]>> = {
      'is lost on its way': [() => Promise.reject(new Cut()), false],
      'loses its answer': [(_, next) => next().then(() => Promise.reject(new Cut())), true],
      'is called an error though it has landed': [(_, next) => next().then(() => unknownStatus), true],
    };
    const unknownStatus = {
      status: 500,
      headers: { 'x-clickhouse-exception-code': '319' },
      body: Buffer.from(
        'Code: 319. DB::Exception: Unknown status, client must retry. (UNKNOWN_STATUS_OF_INSERT)',
      ),
    };

    before(async () => {
      proxy = new FaultProxy('http', new URL(server.url).origin);
      await proxy.start();
    });
    afterEach(() => {
      proxy.between = (_, next) => next();
    });
    after(() => proxy.stop());

    for (const [at, [what, [between, landed]]] of Object.entries(ways).entries()) {
      it(`lands a batch once whose INSERT ${what}`, async () => {
        const table = `insert_${at}`;
        const destination = await through(table);
        const batch = makeBatch(table, makeRows(3));
        proxy.between = (request, next) => (isInsert(request) ? between(request, next) : next());
        expect(instructionOf(await refused(destination.write(batch, never)))).to.equal('retry');
        expect(await count(table)).to.equal(landed ? 3 : 0);
        proxy.between = (_, next) => next();
        await destination.write(batch, never);
        expect(await count(table)).to.equal(3);
      });
    }

    it('says that a batch has landed whose INSERT is answered after it was given up', async () => {
      const destination = await through('late');
      const abort = new AbortController();
      proxy.between = async (request, next) => {
        const answer = await next();
        if (isInsert(request)) abort.abort();
        return answer;
      };
      await destination.write(makeBatch('late', makeRows(3)), abort.signal);
      expect(await count('late')).to.equal(3);
    });
  });

  describe('over TLS', () => {
    const refusal = async (options: object): Promise<string> => {
      const error = await refused(destinations.make(options).open(never));
      expect(instructionOf(error), error.message).to.equal('config');
      return error.message;
    };

    it('lands rows, and verifies who signed the certificate', async () => {
      const [url, ssl] = [server.secureUrl, { ca: server.ca }];
      await (await ready('secure', { url, ssl })).write(makeBatch('secure', makeRows(3)), never);
      expect(await count('secure')).to.equal(3);
      expect(await refusal({ url })).to.match(/SELF_SIGNED|UNABLE_TO/);
      expect(await refusal({ url, ssl: true })).to.match(/SELF_SIGNED|UNABLE_TO/);
      await destinations.make({ url, ssl: { rejectUnauthorized: false } }).open(never);
    });

    it('refuses another host than the certificate names, unless told', async () => {
      const url = urlWith(server.secureUrl, { hostname: 'localhost' });
      const ssl = { ca: server.ca };
      expect(await refusal({ url, ssl })).to.include('ERR_TLS_CERT_ALTNAME_INVALID');
      await destinations.make({ url, ssl: { ...ssl, servername: 'db.example.com' } }).open(never);
      await destinations.make({ url, ssl: { ...ssl, verifyIdentity: false } }).open(never);
    });

    it('takes the parts of a url too', async () => {
      const { port, username: user, password } = new URL(server.secureUrl);
      const parts = {
        url: undefined,
        host: '127.0.0.1',
        port: Number(port),
        user,
        password,
        database: 'test',
      };
      await destinations.make({ ...parts, ssl: { ca: server.ca } }).open(never);
      expect(await refusal({ ...parts, ssl: true })).to.match(/SELF_SIGNED|UNABLE_TO/);
    });
  });
});
