import { inspect } from 'node:util';
import { expect } from 'chai';
import pg from 'pg';
import plugins from '../../../connectors/postgres/index.js';
import {
  destinationClaims,
  instantiate,
  instruction,
  makeBatch,
  makeRow,
  makeRows,
  never,
  pluginOf,
  refused,
  type TableShape,
  TestDestinations,
  tableShapes,
  type UrlParts,
  urlWith,
  within,
} from '../../../core/conformance/index.js';
import { silent } from '../../../core/conformance/instantiate.js';
import { instructionOf, type Key, type Row } from '../../../core/index.js';
import { eventually } from '../../support/hookline.js';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';

const plugin = pluginOf(plugins, 'destination', 'postgres');

describe('the postgres destination', () => {
  let server: TestPostgres;
  let url: string;
  const destinations = new TestDestinations(plugin, () => ({ url }));
  const make = destinations.make.bind(destinations);
  const ready = destinations.ready.bind(destinations);
  const at = (parts: UrlParts): string => urlWith(url, parts);
  const count = async (table: string): Promise<number> => {
    const [row] = await server.sql<{ n: number }>(url, `SELECT count(*)::int AS n FROM "${table}"`);
    return row?.n ?? 0;
  };

  before(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
  });
  afterEach(() => destinations.close());
  after(() => server.destroy());

  const claims = destinationClaims({
    make: () => instantiate(plugin, { url }),
    rows: async (table): Promise<Row[]> => {
      const rows = await server.sql<{ id: string; at: Buffer; key: string; body: Buffer }>(
        url,
        `SELECT __kdd_request_id AS id, float8send(__kdd_request_unix_timestamp) AS at,
                __kdd_requester_key AS key, convert_to(__kdd_request_body, 'UTF8') AS body
           FROM "${table.replaceAll('"', '""')}"`,
      );
      return rows.map(({ id, at, key, body }) => ({
        requestId: id,
        timestamp: at.readDoubleBE(0),
        key,
        body,
      }));
    },
    describe: async () => {
      const columns = await server.sql<{ name: string }>(
        url,
        `SELECT attrelid::regclass::text AS name, attname, format_type(atttypid, atttypmod), attnotnull
           FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
          WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0
          ORDER BY 1, attnum`,
      );
      const names = [...new Set(columns.map(({ name }) => name))];
      const counts = names.map((name) => `(SELECT count(*) FROM ${name})`).join(', ');
      return [columns, await server.sql(url, `SELECT ARRAY[${counts}]::text[]`)];
    },
    tables: {
      create: async (table, shape) => {
        await server.sql(url, shapes[shape](`"${table}"`));
      },
      shapes: tableShapes,
    },
    refused: { body: Buffer.from('"somebody@example.com \xff"', 'latin1') },
    limits: { body: 64 * 1024 ** 2, rows: 50_000, bytes: 64 * 1024 ** 2 },
    process: () => ({
      module: new URL('../../../connectors/postgres/index.js', import.meta.url).href,
      plugin: 'postgres',
      options: { url },
    }),
    misconfigured: {
      'wrong credentials': () => make({ url: at({ password: 'not-the-password' }) }),
      'missing database': () => make({ url: at({ pathname: '/nowhere' }) }),
      'missing grant': async (table) => {
        await server.sql(
          url,
          `DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'reader-password';
             EXCEPTION WHEN duplicate_object THEN NULL; END $$;
           CREATE TABLE IF NOT EXISTS "${table}" (${columns});
           GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader`,
        );
        return make({ url: at({ username: 'reader', password: 'reader-password' }) });
      },
    },
    outage: { begin: () => server.stop(), end: () => server.start() },
    secrets: () => [server.password, 'not-the-password', 'reader-password'],
  });
  for (const claim of claims) it(claim.name, claim.run).timeout(60_000);

  describe('tables', () => {
    it('takes a partitioned table', async () => {
      await server.sql(
        url,
        `CREATE TABLE parted (${columns}) PARTITION BY RANGE (__kdd_request_unix_timestamp);
         CREATE TABLE parted_all PARTITION OF parted DEFAULT`,
      );
      const destination = await ready('parted');
      await destination.write(makeBatch('parted', [makeRow()]), never);
      expect(await count('parted_all')).to.equal(1);
    });

    it('refuses a body column with a length limit, and says what it expected and found', async () => {
      await server.sql(url, `CREATE TABLE narrow (${columns.replace('body text', 'body varchar(100)')})`);
      const error = await refused(ready('narrow'));
      expect(instructionOf(error)).to.equal('config');
      expect(error.message).to.include('__kdd_request_body is character varying(100), not text');
      expect(error.message).to.match(/expected \(__kdd_request_id text, .*found \(__kdd_request_id text, /);
    });

    it('takes columns with a default, an identity or no length limit', async () => {
      await server.sql(
        url,
        `CREATE TABLE extra (n bigint GENERATED ALWAYS AS IDENTITY, loaded timestamptz NOT NULL DEFAULT now(),
                             ${columns.replace('body text', 'body varchar')},
                             size int GENERATED ALWAYS AS (length(__kdd_request_body)) STORED)`,
      );
      const destination = await ready('extra');
      await destination.write(makeBatch('extra', [makeRow('"1234"')]), never);
      expect(await server.sql(url, 'SELECT n, size FROM extra')).to.deep.equal([{ n: '1', size: 6 }]);
    });

    it('refuses names that the server would cut, or that have a NUL', async () => {
      const destination = await ready('fine');
      const longest = 'é'.repeat(31);
      await destination.ensureTable(longest, never);
      expect(await instruction(destination.ensureTable(`${longest}éx`, never))).to.equal('config');
      expect(await instruction(destination.ensureTable('x'.repeat(64), never))).to.equal('config');
      expect(await instruction(destination.ensureTable('a\0b', never))).to.equal('config');
      expect(await instruction(destination.write(makeBatch('x'.repeat(64), [makeRow()]), never))).to.equal(
        'config',
      );
    });

    it('keeps tables and ledger in the schema that it is given', async () => {
      await server.sql(url, 'CREATE SCHEMA "Web hooks"');
      const destination = await ready('orders', { schema: 'Web hooks', ledger: 'my "ledger"' });
      const batch = makeBatch('orders', [makeRow(), makeRow()]);
      await destination.write(batch, never);
      const ledger = await server.sql(
        url,
        'SELECT batch_id, table_name, rows, bytes FROM "Web hooks"."my ""ledger"""',
      );
      expect(ledger).to.deep.equal([
        { batch_id: batch.id, table_name: 'orders', rows: '2', bytes: String(batch.bytes) },
      ]);
    });

    it('halts when the table is dropped while it runs, and goes on once it is made again', async () => {
      const destination = await ready('dropped');
      const batch = makeBatch('dropped', [makeRow()]);
      await server.sql(url, 'DROP TABLE dropped');
      expect(await instruction(destination.write(batch, never))).to.equal('config');
      await destination.ensureTable('dropped', never);
      await destination.write(batch, never);
      expect(await count('dropped')).to.equal(1);
    });

    it('stores nothing into a column that was altered since, even where its bytes would pass', async () => {
      for (const type of ['bigint', 'timestamptz']) {
        const table = `altered_${type}`;
        const destination = await ready(table);
        const column = '__kdd_request_unix_timestamp';
        const using = type === 'bigint' ? `${column}::bigint` : `to_timestamp(${column})`;
        await server.sql(url, `ALTER TABLE ${table} ALTER ${column} TYPE ${type} USING ${using}`);
        const error = await refused(destination.write(makeBatch(table, [makeRow()]), never));
        expect(instructionOf(error), type).to.equal('config');
        expect(error.message).to.include(`${column} is `);
        expect(await count(table)).to.equal(0);
      }
    });

    it('adds to a ledger of before where batches are from, or says that it may not, and goes on', async () => {
      const database = await server.createDatabase();
      await server.sql(
        database,
        `CREATE TABLE __hookline_batches (batch_id uuid PRIMARY KEY, table_name text NOT NULL, rows bigint NOT NULL,
           bytes bigint NOT NULL, landed_at timestamptz NOT NULL DEFAULT clock_timestamp());
         CREATE TABLE t (${columns});
         DO $$ BEGIN CREATE ROLE writer LOGIN PASSWORD 'writer-password';
           EXCEPTION WHEN duplicate_object THEN NULL; END $$;
         GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO writer`,
      );
      const from = (serial: number) => ({
        ...makeBatch('t', makeRows(1)),
        origin: { spool: '0123456789ab', serial },
      });
      const warnings: string[] = [];
      const options = plugin.config.parse({
        url: urlWith(database, { username: 'writer', password: 'writer-password' }),
      });
      const logger = { ...silent, warn: (_: object, text: string) => void warnings.push(text) };
      const writer = plugin.create(options, <T>(_key: Key<T>) => logger as T);
      try {
        await writer.open(never);
        for (let n = 0; n < 2; n++) await writer.ensureTable('t', never);
        await writer.write(from(1), never);
        expect(await writer.newestBatch?.('0123456789ab', never)).to.equal(undefined);
        expect(warnings.length, 'once').to.equal(1);
        expect(warnings[0]).to.match(
          /no columns spool and serial \(.*must be owner.*restored from a backup.*run: ALTER TABLE "public"."__hookline_batches" ADD COLUMN/,
        );
        const owner = await make({ url: database });
        await owner.open(never);
        await owner.ensureTable('t', never);
        const second = from(2);
        await owner.write(second, never);
        expect(await owner.newestBatch?.('0123456789ab', never)).to.deep.equal({ id: second.id, serial: 2 });
        await writer.ensureTable('t', never);
        const third = from(3);
        await writer.write(third, never);
        expect(await writer.newestBatch?.('0123456789ab', never)).to.deep.equal({ id: third.id, serial: 3 });
      } finally {
        await writer.close();
      }
    });

    it('changes nothing when it checks', async () => {
      const empty = await server.createDatabase();
      const destination = make({ url: empty });
      await destination.open(never);
      await destination.check(['orders'], never);
      expect(
        await server.sql(empty, "SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
      ).to.have.length(0);
    });
  });

  describe('rows', () => {
    it('stores none of a batch in which the database refuses one, and says so as a PermanentError', async () => {
      await server.sql(url, `CREATE TABLE picky (${columns}, CHECK (__kdd_request_body <> 'null'))`);
      const destination = await ready('picky');
      const rows = Array.from({ length: 3000 }, (_, n) => makeRow(n === 1500 ? 'null' : `${n}`));
      const batch = makeBatch('picky', rows);
      expect(await instruction(destination.write(batch, never))).to.equal('permanent');
      expect(await instruction(destination.write(batch, never))).to.equal('permanent');
      expect(await count('picky')).to.equal(0);
      await destination.write(makeBatch('picky', rows.slice(0, 1500)), never);
      expect(await count('picky')).to.equal(1500);
    });

    it('calls broken UTF-8 and a raw NUL permanent', async () => {
      const destination = await ready('broken');
      for (const body of [Buffer.from([0x22, 0xff, 0x22]), Buffer.from('"\0"')]) {
        expect(await instruction(destination.write(makeBatch('broken', [makeRow(body)]), never))).to.equal(
          'permanent',
        );
      }
    });

    it('takes a batch of 60 MB', async () => {
      const destination = await ready('big');
      const body = Buffer.from(`"${'x'.repeat(10_000_000)}"`);
      const rows = Array.from({ length: 6 }, () => makeRow(body));
      await destination.write(makeBatch('big', rows), never);
      expect(await server.sql(url, 'SELECT DISTINCT length(__kdd_request_body) AS n FROM big')).to.deep.equal(
        [{ n: 10_000_002 }],
      );
    });

    it('serves more writes at once than it has connections', async () => {
      const destination = await ready('narrow_pool', { connections: 1 });
      await Promise.all(
        Array.from({ length: 8 }, () => destination.write(makeBatch('narrow_pool', [makeRow()]), never)),
      );
      expect(await count('narrow_pool')).to.equal(8);
    });

    it('gives up a write that waits for a lock when the signal fires, on the server too', async () => {
      const destination = await ready('locked');
      const batch = makeBatch('locked', [makeRow()]);
      const holding = server.sql(
        url,
        'BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT',
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
      await within(2000, refused(destination.write(batch, AbortSignal.timeout(300))));
      await new Promise((resolve) => setTimeout(resolve, 200));
      const waiting = await server.sql(
        url,
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'hookline'",
      );
      expect(waiting).to.have.length(0);
      await destination.write(batch, never);
      await holding;
      expect(await count('locked')).to.equal(1);
    });

    for (const [end, retired, rows] of [
      ['COMMIT', 'landed', 2],
      ['ROLLBACK', 'void', 0],
    ] as const) {
      it(`gives a batch up once the server is over with it, here by a ${end}; no later try lands it`, async () => {
        const destination = await ready('given');
        const before = await count('given');
        const batch = makeBatch('given', [makeRow(), makeRow()]);
        const writer = new pg.Client(url);
        await writer.connect();
        await writer.query(
          `BEGIN; INSERT INTO __hookline_batches (batch_id, table_name, rows, bytes) VALUES ('${batch.id}', 'given', 2, 1);
           INSERT INTO given SELECT n::text, n, '', '{}' FROM generate_series(1, 2) AS n`,
        );
        const retiring = destination.retire?.(batch, never);
        await eventually('it waits', async () => {
          const waiting = await server.sql(
            url,
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'hookline'",
          );
          return waiting.length === 1 || undefined;
        });
        await writer.query(end);
        await writer.end();
        expect(await retiring).to.equal(retired);
        const writing = destination.write(batch, never);
        if (retired === 'landed') await writing;
        else expect(await refused(writing)).to.include({ code: 'retired' });
        expect(await destination.retire?.(batch, never)).to.equal(retired);
        expect((await count('given')) - before).to.equal(rows);
      });
    }

    it('says whom to look for when a lock is not to be had', async () => {
      const destination = await ready('held');
      await server.sql(
        url,
        `CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN RAISE EXCEPTION 'canceling statement due to lock timeout' USING ERRCODE = '55P03'; END $$;
         CREATE TRIGGER held BEFORE INSERT ON held FOR EACH ROW EXECUTE FUNCTION hold()`,
      );
      const error = await refused(destination.write(makeBatch('held', [makeRow()]), never));
      expect(instructionOf(error)).to.equal('retry');
      expect(error.message).to.include('writing to held').and.include('holds a lock').and.include('pg_locks');
    });

    it('commits durably where synchronous_commit is off', async () => {
      const careless = await server.createDatabase();
      const name = new URL(careless).pathname.slice(1);
      await server.sql(careless, `ALTER DATABASE ${name} SET synchronous_commit = off`);
      await server.sql(
        careless,
        `CREATE TABLE seen (setting text);
         CREATE TABLE orders (${columns});
         CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
         CREATE TRIGGER look BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION look()`,
      );
      const destination = await ready('orders', { url: careless });
      await destination.write(makeBatch('orders', [makeRow()]), never);
      expect(await server.sql(careless, 'SELECT setting FROM seen')).to.deep.equal([{ setting: 'on' }]);
    });
  });

  describe('set-up', () => {
    const failing = async (options: object): Promise<Error> => {
      const error = await refused(make(options).open(never));
      for (const text of [error.message, inspect(error, { depth: 10, showHidden: true })]) {
        expect(text).not.to.include(server.password).and.not.to.include('not-the-password');
      }
      expect(error.message).to.include('warehouse');
      return error;
    };
    it('calls a wrong or a missing password a ConfigError', async () => {
      for (const password of ['not-the-password', '']) {
        expect(instructionOf(await failing({ url: at({ password }) }))).to.equal('config');
      }
    });

    it('calls a missing database a ConfigError', async () => {
      const error = await failing({ url: server.url('nowhere') });
      expect(instructionOf(error)).to.equal('config');
      expect(error.message).to.include('nowhere');
    });

    it('calls a missing schema a ConfigError, with the statement to run', async () => {
      const error = await failing({ schema: 'my schema' });
      expect(instructionOf(error)).to.equal('config');
      expect(error.message).to.include('CREATE SCHEMA "my schema";');
    });

    it('calls missing grants ConfigErrors, with statements that mend them', async () => {
      await server.sql(url, "CREATE ROLE clerk LOGIN PASSWORD 'clerk-password'; CREATE SCHEMA guarded");
      const options = {
        schema: 'guarded',
        url: at({ username: 'clerk', password: 'clerk-password' }),
      };
      await server.sql(url, `CREATE TABLE guarded.orders (${columns})`);
      const mended: string[] = [];
      for (let tries = 0; tries < 5; tries++) {
        const destination = make(options);
        try {
          await destination.open(never);
          await destination.ensureTable('orders', never);
          await destination.write(makeBatch('orders', [makeRow()]), never);
          break;
        } catch (error) {
          expect(instructionOf(error)).to.equal('config');
          expect((error as Error).message).not.to.include('clerk-password');
          const statement = /run: (.*;)$/.exec((error as Error).message)?.[1] ?? '';
          await server.sql(url, statement);
          mended.push(statement);
        }
      }
      expect(mended).to.deep.equal([
        'GRANT USAGE, CREATE ON SCHEMA "guarded" TO clerk;',
        'GRANT SELECT, INSERT ON "guarded"."orders" TO clerk;',
      ]);
    });

    it('halts when a grant is revoked while it runs', async () => {
      await server.sql(url, "CREATE ROLE temp LOGIN PASSWORD 'x'; CREATE SCHEMA temps AUTHORIZATION temp");
      const destination = await ready('orders', {
        schema: 'temps',
        url: at({ username: 'temp', password: 'x' }),
      });
      await destination.write(makeBatch('orders', [makeRow()]), never);
      await server.sql(url, 'REVOKE ALL ON temps.orders FROM temp');
      expect(await instruction(destination.write(makeBatch('orders', [makeRow()]), never))).to.equal(
        'config',
      );
    });

    it('calls a database that is not in UTF-8 a ConfigError', async () => {
      await server.sql(url, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'");
      const error = await failing({ url: server.url('latin') });
      expect(instructionOf(error)).to.equal('config');
      expect(error.message).to.include('LATIN1');
    });

    it('calls a server without TLS a ConfigError when TLS is asked for', async () => {
      const error = await failing({ url: at({ search: 'sslmode=require' }) });
      expect(instructionOf(error)).to.equal('config');
    });

    it('calls a host that does not exist or does not answer retryable', async () => {
      for (const host of ['no-such-host.invalid', '127.0.0.1']) {
        const error = await failing({ url: at({ hostname: host, port: '9' }) });
        expect(instructionOf(error)).to.equal('retry');
      }
    });

    it('takes the parts of an address instead of a url', async () => {
      const { host, port, user, password } = server;
      const database = new URL(url).pathname.slice(1);
      await make({ url: undefined, host, port, user, password, database }).open(never);
    });
  });

  describe('outages', () => {
    it('calls a connection that is cut in the middle of the rows retryable, and recovers', async () => {
      const destination = await ready('cut');
      const body = Buffer.from(`"${'x'.repeat(8000)}"`);
      const batch = makeBatch(
        'cut',
        Array.from({ length: 10_000 }, () => makeRow(body)),
      );
      let instructed: string | undefined;
      const writing = instruction(destination.write(batch, never)).then((found) => {
        instructed = found;
      });
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      let cut = 0;
      while (cut === 0 && instructed === undefined) {
        const { rowCount } = await client.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_progress_copy WHERE tuples_processed > 100`,
        );
        cut = rowCount ?? 0;
      }
      await client.end();
      await writing;
      expect(instructed).to.equal('retry');
      expect(await count('cut')).to.equal(0);
      await destination.write(batch, never);
      expect(await count('cut')).to.equal(10_000);
    });

    it('survives the loss of its idle connections', async () => {
      const destination = await ready('idle');
      await server.sql(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hookline'",
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
      await destination.write(makeBatch('idle', [makeRow()]), never);
    });

    it('calls a stopped server retryable, and recovers without being opened again', async () => {
      const destination = await ready('stopped');
      const batch = makeBatch('stopped', [makeRow(), makeRow()]);
      await server.stop();
      for (let n = 0; n < 3; n++)
        expect(await instruction(destination.write(batch, never))).to.equal('retry');
      expect(await instruction(destination.check(['orders'], never))).to.equal('retry');
      await server.start();
      await destination.write(batch, never);
      await destination.write(batch, never);
      expect(await count('stopped')).to.equal(2);
    });

    it('holds every row once after crashes of the server in the middle of writes', async () => {
      const destination = await ready('crashed');
      const batches = Array.from({ length: 3 }, () => makeBatch('crashed', makeRows(10_000)));
      for (const [n, batch] of batches.entries()) {
        const writing = destination.write(batch, never).catch((error: unknown) => error);
        await new Promise((resolve) => setTimeout(resolve, n * 30));
        await server.kill();
        const error = await writing;
        if (error !== undefined) expect(instructionOf(error)).to.equal('retry');
        await server.start();
        await destination.write(batch, never);
      }
      expect(await count('crashed')).to.equal(30_000);
    });

    it('calls a server retryable that has become a standby, and recovers', async () => {
      const destination = await ready('standby');
      const batch = makeBatch('standby', [makeRow()]);
      await server.stop();
      await server.startStandby();
      expect(await instruction(destination.write(batch, never))).to.equal('retry');
      expect(await instruction(destination.write(batch, never))).to.equal('retry');
      expect(await instruction(destination.check(['orders'], never))).to.equal('retry');
      await server.stop();
      await server.start();
      await destination.write(batch, never);
      expect(await count('standby')).to.equal(1);
    });
  });
});

const columns = `__kdd_request_id text NOT NULL, __kdd_request_unix_timestamp double precision NOT NULL,
  __kdd_requester_key text NOT NULL, __kdd_request_body text NOT NULL`;

const shapes: Record<TableShape, (table: string) => string> = {
  'without a body': (table) =>
    `CREATE TABLE ${table} (__kdd_request_id text, __kdd_request_unix_timestamp float8, __kdd_requester_key text)`,
  'with a timestamp that is text': (table) =>
    `CREATE TABLE ${table} (__kdd_request_id text, __kdd_request_unix_timestamp text, __kdd_requester_key text, __kdd_request_body text)`,
  'with a mandatory column of its own': (table) => `CREATE TABLE ${table} (${columns}, tenant int NOT NULL)`,
  'that is a view': (table) =>
    `CREATE VIEW ${table} AS SELECT ''::text AS __kdd_request_id, 0::float8 AS __kdd_request_unix_timestamp,
            ''::text AS __kdd_requester_key, ''::text AS __kdd_request_body`,
  'in another order and with further nullable columns': (table) =>
    `CREATE TABLE ${table} (note text, __kdd_request_body text, __kdd_requester_key text, tenant int,
                            __kdd_request_unix_timestamp float8, __kdd_request_id text)`,
};
