import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { destinationClaims, instantiate, makeBatch, makeRow, type TableShape } from 'hookline/conformance';
import { type Batch, type Destination, instructionOf, messageOf, type RetryableError } from 'hookline/plugin';
import { SnowflakeDestination } from '../../connectors/snowflake/destination.js';
import plugin from '../../connectors/snowflake/index.js';
import { tableName } from '../../connectors/snowflake/name.js';
import { config } from '../../connectors/snowflake/options.js';
import { seriesBatch } from '../../core/conformance/batches.js';
import { silent } from '../../core/conformance/instantiate.js';
import { ProcessMetrics } from '../../core/contract/metrics.js';
import { TestSnowflake } from '../support/snowflake.js';
import type { Fault } from '../support/snowflake-faults.js';

const columns = [
  '__KDD_REQUEST_ID VARCHAR NOT NULL',
  '__KDD_REQUEST_UNIX_TIMESTAMP DOUBLE NOT NULL',
  '__KDD_REQUESTER_KEY VARCHAR NOT NULL',
  '__KDD_REQUEST_BODY VARCHAR NOT NULL',
];

const shapes: Readonly<Record<TableShape, (table: string) => string>> = {
  'without a body': (table) => `CREATE TABLE ${table} (${columns.slice(0, 3).join(', ')})`,
  'with a timestamp that is text': (table) =>
    `CREATE TABLE ${table} (${columns.join(', ').replace('DOUBLE', 'VARCHAR')})`,
  'with a mandatory column of its own': (table) =>
    `CREATE TABLE ${table} (${columns.join(', ')}, NOTE VARCHAR NOT NULL)`,
  'that is a view': (table) => `CREATE VIEW ${table} AS SELECT 'a' AS __KDD_REQUEST_ID`,
  'in another order and with further nullable columns': (table) =>
    `CREATE TABLE ${table} (NOTE VARCHAR, ${columns.toReversed().join(', ')}, N INTEGER NOT NULL DEFAULT 1)`,
};

describe('the snowflake destination, on the emulator fakesnow', () => {
  let server: TestSnowflake;

  before(async function () {
    this.timeout(170_000);
    server = await TestSnowflake.start();
  });
  after(() => server.destroy());

  const nameOf = (table: string) => `test.public."${tableName(table)}"`;
  const claims = destinationClaims({
    make: () => instantiate(plugin, server.options),
    rows: (table) => server.rows(tableName(table)),
    describe: async () => {
      const found = await server.sql(
        `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
          WHERE table_catalog = 'TEST' AND table_schema = 'PUBLIC' ORDER BY ALL`,
      );
      const counts = await server.sql(
        `SELECT table_name, estimated_size FROM duckdb_tables()
          WHERE database_name = 'TEST' AND schema_name = 'PUBLIC' ORDER BY ALL`,
      );
      return [found, counts];
    },
    tables: {
      create: async (table, shape) => {
        await server.sql(shapes[shape](nameOf(table)));
      },
      shapes: Object.keys(shapes) as TableShape[],
    },
    refused: {
      // A CHECK of DuckDB's stands in for whatever a COPY finds fault with.
      prepare: async (table) => {
        await server.sql(`DROP TABLE ${nameOf(table)}`);
        await server.sql(
          `CREATE TABLE ${nameOf(table)} (${columns.join(', ')},
             CHECK (__KDD_REQUEST_BODY NOT LIKE '%unspeakable%'))`,
        );
      },
      body: Buffer.from('"unspeakable"'),
    },
    limits: { body: 16 * 1024 ** 2, rows: 50_000, bytes: 64 * 1024 ** 2 },
    process: () => ({
      module: new URL('../../connectors/snowflake/index.js', import.meta.url).href,
      plugin: 'snowflake',
      options: server.options,
    }),
    misconfigured: {
      'wrong credentials': () =>
        instantiate(plugin, { ...server.place, user: 'hookline', password: 'not-the-password' }),
      'missing database': () => instantiate(plugin, { ...server.options, database: 'nowhere' }),
      'missing grant': async (table) => {
        await server.sql(
          shapes['in another order and with further nullable columns'](nameOf(table)).replace(
            'CREATE TABLE',
            'CREATE TABLE IF NOT EXISTS',
          ),
        );
        return instantiate(plugin, { ...server.place, user: 'reader', password: server.readerPassword });
      },
    },
    outage: { begin: () => server.faults.stop(), end: () => server.faults.start() },
    secrets: () => [
      server.password,
      server.readerPassword,
      server.passphrase,
      server.privateKey,
      'not-the-password',
    ],
  });
  for (const claim of claims) it(claim.name, claim.run).timeout(160_000);

  const never = new AbortController().signal;
  const opened: Destination[] = [];
  afterEach(async () => {
    server.faults.forget();
    for (const destination of opened.splice(0)) await destination.close();
  });
  let tables = 0;
  const ready = async (options: object = server.options): Promise<[Destination, string]> => {
    const destination = instantiate(plugin, options);
    opened.push(destination);
    tables += 1;
    const table = `faulty_${tables}`;
    await destination.open(never);
    await destination.ensureTable(table, never);
    return [destination, table];
  };
  const thrownBy = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );
  const holds = async (table: string, batch: Batch) => {
    const landed = await server.rows(tableName(table));
    const ids = (rows: readonly { requestId: string }[]) => rows.map(({ requestId }) => requestId).toSorted();
    expect(ids(landed)).to.deep.equal(ids(batch.rows));
  };

  const steps = [
    'PUT',
    '/fs_bucket',
    'BEGIN',
    'INSERT',
    'COPY',
    'UPDATE',
    'SELECT COUNT',
    'COMMIT',
    'REMOVE',
  ];
  const faults: readonly Fault[] = [
    'cut',
    'lose the answer',
    { delay: 300 },
    { status: 429 },
    { status: 500 },
    { status: 503, body: 'no JSON' },
  ];
  const called = (fault: Fault) => (typeof fault === 'string' ? fault : Object.values(fault)[0]);
  for (const step of steps) {
    it(`loses and doubles nothing when ${step} is cut, unanswered, delayed, or answered 429, 500, 503`, async () => {
      for (const fault of faults) {
        const [destination, table] = await ready();
        const batch = makeBatch(table, [makeRow(), makeRow(), makeRow()]);
        server.faults.next(step, fault);
        const error = await thrownBy(destination.write(batch, never));
        expect(server.faults.pending, `${called(fault)} has come about`).to.equal(0);
        // What the SDK itself makes of a broken upload is no instruction, and so retried as well.
        const instruction = error === undefined ? 'none' : (instructionOf(error) ?? 'retry');
        const retried = called(fault) === 300 || step === 'REMOVE' ? ['none'] : ['none', 'retry'];
        expect(retried, `${called(fault)}: ${messageOf(error)}`).to.include(instruction);
        await destination.write(batch, never);
        await holds(table, batch);
      }
    }).timeout(60_000);
  }

  it('waits as long as a 429 asks', async () => {
    const [destination, table] = await ready();
    server.faults.next('BEGIN', { status: 429, headers: { 'retry-after': '7' } });
    const error = await thrownBy(destination.write(makeBatch(table, [makeRow()]), never));
    expect((error as RetryableError).delay).to.equal(7000);
  });

  it('renews a session that expires in the middle of a write, and goes on', async () => {
    const [destination, table] = await ready();
    const batch = makeBatch(table, [makeRow()]);
    server.faults.next('COMMIT', {
      status: 200,
      body: { success: false, code: '390112', message: 'expired' },
    });
    await destination.write(batch, never);
    expect(server.faults.seen).to.include('/session/token-request');
    await holds(table, batch);
  });

  for (const [what, status] of [
    ['390104', 401],
    ['390111', 200],
    ['390114', 200],
  ] as const) {
    it(`logs in again by itself when its idle session has ended with ${what}`, async () => {
      const [destination, table] = await ready();
      const batch = makeBatch(table, [makeRow()]);
      server.faults.forget();
      server.faults.next('PUT', { status, body: { success: false, code: what, message: 'gone' } });
      await destination.write(batch, never);
      expect(server.faults.seen).to.include('/session/v1/login-request');
      await holds(table, batch);
    });
  }

  it('ends when its signal fires though an answer never comes, wherever', async () => {
    for (const step of ['/session/v1/login-request', ...steps.filter((each) => each !== 'REMOVE')]) {
      const [destination, table] = await ready();
      if (step.startsWith('/session')) {
        await destination.close();
        server.faults.next(step, 'never answer');
        expect(await thrownBy(destination.open(AbortSignal.timeout(200)))).to.be.instanceOf(Error);
        continue;
      }
      const batch = makeBatch(table, [makeRow()]);
      server.faults.next(step, 'never answer');
      expect(await thrownBy(destination.write(batch, AbortSignal.timeout(400)))).to.be.instanceOf(Error);
      await destination.write(batch, never);
      await holds(table, batch);
    }
  }).timeout(90_000);

  it('asks nothing of an idle session', async () => {
    const [destination, table] = await ready();
    await destination.write(makeBatch(table, [makeRow()]), never);
    server.faults.forget();
    await sleep(3000);
    expect(server.faults.seen).to.deep.equal([]);
  });

  it('checks with what needs no warehouse: SHOW, EXPLAIN, USE, and who it is', async () => {
    const [destination, table] = await ready();
    server.faults.forget();
    await destination.check([table, `${table}_missing`], never);
    const others = server.faults.seen.filter(
      (sql) => !/^(SHOW|EXPLAIN|USE|SELECT (CURRENT_|IS_ROLE))/.test(sql),
    );
    expect(others).to.deep.equal([]);
  });

  it('adds to a ledger of before where batches are from, or says that it may not, and goes on', async () => {
    const ledger = '__ledger_of_before';
    const quoted = 'test.public."__LEDGER_OF_BEFORE"';
    const options = { ...server.options, ledger };
    const [, table] = await ready(options);
    const narrow = `CREATE OR REPLACE TABLE ${quoted} (BATCH_ID VARCHAR, TABLE_NAME VARCHAR, ROW_COUNT NUMBER(38, 0),
      BYTES NUMBER(38, 0), LANDED_AT TIMESTAMP_LTZ DEFAULT CURRENT_TIMESTAMP())`;
    await server.run(narrow);
    const spool = '0123456789ab';
    const from = (serial: number) => ({ ...makeBatch(table, [makeRow()]), origin: { spool, serial } });
    const warnings: string[] = [];
    const logger = { ...silent, warn: (_: object, text: string) => void warnings.push(text) };
    const writer = new SnowflakeDestination(config.parse(options), logger, new ProcessMetrics());
    opened.push(writer);
    await writer.open(never);
    const body = { success: false, code: '003001', message: 'no right', data: { sqlState: '42501' } };
    server.faults.next('ALTER TABLE', { status: 200, body }, 2);
    for (let n = 0; n < 2; n++) await writer.ensureTable(table, never);
    await writer.write(from(1), never);
    server.faults.forget();
    expect(await writer.newestBatch(spool, never)).to.equal(undefined);
    expect(server.faults.seen.filter((sql) => !sql.startsWith('SHOW'))).to.deep.equal([]);
    expect(warnings.length, 'once').to.equal(1);
    expect(warnings[0]).to.match(
      /no columns SPOOL and SERIAL \(.*no right.*run: ALTER TABLE .*"__LEDGER_OF_BEFORE" ADD COLUMN "SPOOL" .*, "SERIAL"/,
    );
    await writer.ensureTable(table, never);
    const second = from(2);
    await writer.write(second, never);
    expect(await writer.newestBatch(spool, never)).to.deep.equal({ id: second.id, serial: 2 });
    expect(await writer.newestBatch('another', never)).to.equal(undefined);
    expect(server.faults.seen.some((sql) => sql.startsWith('ALTER SESSION SET LOCK_TIMEOUT = 3'))).to.equal(
      true,
    );
    expect(warnings.length).to.equal(1);
  });

  it('leaves no file in the stage, also after a try that was cut', async () => {
    const [destination, table] = await ready();
    const batch = makeBatch(table, [makeRow()]);
    server.faults.next('COPY', 'cut');
    await thrownBy(destination.write(batch, never));
    const left = (files: readonly string[]) => files.filter((file) => file.includes(batch.id));
    expect(left(await server.staged())).to.have.length(1);
    await destination.write(batch, never);
    expect(left(await server.staged())).to.deep.equal([]);
  });

  it('makes a body that its column does not take a dead letter before anything is sent, and others land', async () => {
    const [destination, table] = await ready();
    await server.run(`DROP TABLE test.public.${table}`);
    await server.run(
      `CREATE TABLE test.public.${table} (__kdd_request_id VARCHAR, __kdd_request_unix_timestamp FLOAT,
         __kdd_requester_key VARCHAR, __kdd_request_body VARCHAR(100))`,
    );
    const other = instantiate(plugin, server.options);
    opened.push(other);
    await other.open(never);
    await other.ensureTable(table, never);
    server.faults.forget();
    const [short, long] = [makeRow(`"${'é'.repeat(98)}"`), makeRow(`"${'unspeakable'.repeat(9)}"`)];
    const error = await thrownBy(other.write(makeBatch(table, [short, long]), never));
    expect(instructionOf(error)).to.equal('permanent');
    expect(messageOf(error)).to.include('VARCHAR(134217728)').and.not.include('unspeakable');
    expect(server.faults.seen.filter((sql) => !sql.startsWith('SHOW'))).to.deep.equal([]);
    const batch = makeBatch(table, [short]);
    await other.write(batch, never);
    await holds(table, batch);
    expect(destination).to.not.equal(other);
  });

  it('logs in with a key pair, a password and an OAuth token', async () => {
    const { place, password, token, privateKey, passphrase } = server;
    const user = 'hookline';
    for (const way of [{ password }, { token }, { privateKey, passphrase }]) {
      await ready({ ...place, user, ...way });
    }
  });

  it('calls another key, a wrong passphrase and a role that is not granted a ConfigError', async () => {
    const { place, options } = server;
    const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      format: 'pem',
      type: 'pkcs8',
    });
    const wrong: readonly [object, string][] = [
      [{ ...place, user: 'hookline', privateKey: pem.toString() }, 'RSA_PUBLIC_KEY'],
      [{ ...options, passphrase: 'another' }, 'is the passphrase right?'],
      [{ ...options, role: 'accountadmin' }, 'check `role`'],
      [{ ...options, warehouse: 'other_wh' }, 'GRANT USAGE ON WAREHOUSE other_wh TO ROLE "LOADER";'],
    ];
    for (const [given, hint] of wrong) {
      const destination = instantiate(plugin, given);
      opened.push(destination);
      const error = await thrownBy(destination.open(never));
      expect(instructionOf(error), hint).to.equal('config');
      expect(messageOf(error)).to.include(hint);
    }
  });

  it('says in SQL which grant is missing, of a table that is there and of one that is not', async () => {
    const [, table] = await ready();
    const reader = { ...server.place, user: 'reader', password: server.readerPassword };
    const destination = instantiate(plugin, { ...reader, ledger: `${table}_ledger` });
    opened.push(destination);
    expect(messageOf(await thrownBy(destination.open(never)))).to.include(
      'GRANT CREATE TABLE ON SCHEMA "TEST"."PUBLIC" TO ROLE "READER";',
    );
    const other = instantiate(plugin, reader);
    opened.push(other);
    expect(messageOf(await thrownBy(other.open(never)))).to.include(
      'GRANT SELECT, INSERT ON TABLE "TEST"."PUBLIC"."__HOOKLINE_BATCHES" TO ROLE "READER";',
    );
  });

  it('counts what it stages and copies', async () => {
    const metrics = new ProcessMetrics();
    const options = config.parse(server.options);
    const destination = new SnowflakeDestination(options, silent, metrics);
    opened.push(destination);
    await destination.open(never);
    await destination.ensureTable('counted', never);
    const batch = makeBatch('counted', [makeRow(), makeRow()]);
    for (let n = 0; n < 2; n++) await destination.write(batch, never);
    const values = new Map(
      (await metrics.json()).flatMap(({ name, values }) =>
        values.map(({ labels, value }) => [`${name} ${labels['outcome'] ?? ''}`.trim(), value]),
      ),
    );
    expect(values.get('hookline_snowflake_flushes_total landed')).to.equal(1);
    expect(values.get('hookline_snowflake_flushes_total repeated')).to.equal(1);
    expect(values.get('hookline_snowflake_copied_rows_total')).to.equal(2);
    expect(values.get('hookline_snowflake_staged_files_total')).to.equal(2);
    expect(values.get('hookline_snowflake_warehouse_seconds_total')).to.be.above(0);
  });

  it('writes no log of the SDK', () => {
    expect(existsSync('snowflake.log')).to.equal(false);
  });

  it('loses nothing to an error that the SDK throws out of a callback, though it ends the process', async () => {
    const [destination, table] = await ready();
    const batch = seriesBatch(table, table, 0, 20);
    // A time that the SDK cannot read: it throws where nobody can catch it.
    const rowtype = [{ name: 'T', type: 'timestamp_tz', nullable: true, scale: 9, precision: 0 }];
    const data = { rowtype, rowset: [['bad']], total: 1, returned: 1, parameters: [], queryId: 'x' };
    server.faults.next('COMMIT', {
      status: 200,
      body: { success: true, data: { ...data, queryResultFormat: 'json' } },
    });
    const order = {
      module: new URL('../../connectors/snowflake/index.js', import.meta.url).href,
      plugin: 'snowflake',
      options: server.options,
      table,
      series: table,
      from: 0,
      count: 1,
      size: 20,
    };
    const child = fileURLToPath(
      new URL('../../core/conformance/destination/writing-child.js', import.meta.url),
    );
    const writer = spawn(process.execPath, [child, JSON.stringify(order)], { stdio: 'ignore' });
    const [code] = await once(writer, 'exit');
    expect(code).to.not.equal(0);
    expect(server.faults.pending).to.equal(0);
    await destination.write(batch, never);
    await holds(table, batch);
  }).timeout(30_000);
});
