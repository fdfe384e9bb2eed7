import { inspect } from 'node:util';
import { expect } from 'chai';
import plugins from '../../../connectors/postgres/index.js';
import {
  instantiate,
  makeBatch,
  makeRow,
  never,
  pluginOf,
  refused,
  TestDestinations,
  urlWith,
} from '../../../core/conformance/index.js';
import { Outlet } from '../../../core/delivery/outlet.js';
import { instructionOf, type PermanentError } from '../../../core/index.js';
import { checkTables } from '../../../server/roles/load.js';
import { CommitProxy } from '../../support/commit-proxy.js';
import { eventually } from '../../support/hookline.js';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';

const plugin = pluginOf(plugins, 'destination', 'postgres');
const columns = `__kdd_request_id text NOT NULL, __kdd_request_unix_timestamp double precision NOT NULL,
  __kdd_requester_key text NOT NULL, __kdd_request_body text NOT NULL`;
const ledgerColumns = `batch_id uuid PRIMARY KEY, table_name text NOT NULL, rows bigint NOT NULL,
  bytes bigint NOT NULL, landed_at timestamptz NOT NULL DEFAULT now()`;

describe('what lies under a postgres destination', () => {
  let server: TestPostgres;
  let url: string;
  const destinations = new TestDestinations(plugin, () => ({ url }));
  const sql = (text: string) => server.sql<Record<string, unknown>>(url, text);
  const count = async (table: string) =>
    Number((await sql(`SELECT count(*)::int AS n FROM ${table}`))[0]?.['n']);
  /** A destination as a role of this name, which has a schema of its own. */
  const asRole = async (name: string) => {
    await sql(`CREATE ROLE ${name} LOGIN PASSWORD 'x'; CREATE SCHEMA ${name} AUTHORIZATION ${name}`);
    return { schema: name, url: urlWith(url, { username: name, password: 'x' }) };
  };

  before(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
  });
  afterEach(() => destinations.close());
  after(() => server.destroy());

  describe('is refused by ensureTable, check and write where it would lose, double or refuse rows', () => {
    const hazards: Record<string, { make: (table: string) => string; says: RegExp; far?: true }> = {
      'a foreign table': {
        make: (table) => `CREATE FOREIGN TABLE ${table} (${columns}) SERVER elsewhere`,
        says: /foreign table/,
        far: true,
      },
      'a partitioned table with a foreign partition': {
        make: (table) => `CREATE TABLE ${table} (${columns}) PARTITION BY LIST (__kdd_requester_key);
          CREATE TABLE ${table}_some PARTITION OF ${table} FOR VALUES IN ('a') PARTITION BY LIST (__kdd_request_id);
          CREATE FOREIGN TABLE ${table}_far PARTITION OF ${table}_some DEFAULT SERVER elsewhere`,
        says: /foreign partitions \(\S+_far\)/,
        far: true,
      },
      'an UNLOGGED table': {
        make: (table) => `CREATE UNLOGGED TABLE ${table} (${columns})`,
        says: /UNLOGGED.*ALTER TABLE \S+ SET LOGGED/,
      },
      'a table with an UNLOGGED partition': {
        make: (table) => `CREATE TABLE ${table} (${columns}) PARTITION BY LIST (__kdd_requester_key);
          CREATE UNLOGGED TABLE ${table}_all PARTITION OF ${table} DEFAULT`,
        says: /\S+_all is UNLOGGED/,
      },
    };
    before(() => sql('CREATE FOREIGN DATA WRAPPER far; CREATE SERVER elsewhere FOREIGN DATA WRAPPER far'));

    for (const [n, [name, { make, says, far }]] of Object.entries(hazards).entries()) {
      it(`${name}`, async () => {
        const table = `hazard_${n}`;
        const destination = await destinations.ready(table);
        await sql(`DROP TABLE ${table}; ${make(table)}`);
        for (const call of [
          () => destination.ensureTable(table, never),
          () => destination.check([table], never),
          // This server has nothing that reaches another one.
          ...(far ? [] : [() => destination.write(makeBatch(table, [makeRow()]), never)]),
        ]) {
          const error = await refused(call());
          expect(instructionOf(error), error.message).to.equal('config');
        }
        expect((await refused(destination.check([table], never))).message).to.match(says);
      });
    }

    it('an UNLOGGED ledger, and one without a key', async () => {
      await sql(`CREATE UNLOGGED TABLE light (${ledgerColumns})`);
      await sql(`CREATE TABLE keyless (${ledgerColumns.replace('PRIMARY KEY', 'NOT NULL')})`);
      await sql(`CREATE TABLE late (${ledgerColumns.replace('PRIMARY KEY', 'UNIQUE DEFERRABLE')})`);
      for (const [ledger, says] of [
        ['light', /light is UNLOGGED/],
        ['keyless', /batch_id has no unique index/],
        ['late', /batch_id has no unique index/],
      ] as const) {
        const error = await refused(destinations.make({ ledger }).check([], never));
        expect(instructionOf(error)).to.equal('config');
        expect(error.message).to.match(says);
      }
    });

    it('row-level security, a sequence without a right to it, and a default of read-only, with what to run', async () => {
      const options = await asRole('limited');
      await sql(`CREATE TABLE limited.secured (${columns}); ALTER TABLE limited.secured ENABLE ROW LEVEL SECURITY;
        CREATE TABLE limited.counted (id bigserial, ${columns});
        GRANT SELECT, INSERT ON limited.secured, limited.counted TO limited`);
      for (const [table, mends] of [
        ['secured', /run: (ALTER ROLE limited BYPASSRLS;)$/],
        ['counted', /run: (GRANT USAGE ON SEQUENCE limited\.counted_id_seq TO limited;)$/],
      ] as const) {
        const error = await refused(destinations.make(options).check([table], never));
        expect(instructionOf(error), error.message).to.equal('config');
        await sql(mends.exec(error.message)?.[1] ?? expect.fail(error.message));
        await destinations.make(options).check([table], never);
      }
      await sql('ALTER ROLE limited SET default_transaction_read_only = on');
      const error = await refused(destinations.make(options).open(never));
      expect(instructionOf(error), error.message).to.equal('config');
      expect(error.message).to.include('ALTER ROLE limited SET default_transaction_read_only = off;');
    });

    it('a ledger that swallows entries: none of its batches counts as landed', async () => {
      const destination = await destinations.ready('swallowed', { ledger: 'swallowing' });
      await sql(`CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER swallow BEFORE INSERT ON swallowing FOR EACH ROW EXECUTE FUNCTION swallow()`);
      const error = await refused(destination.write(makeBatch('swallowed', [makeRow()]), never));
      expect(instructionOf(error), error.message).to.equal('retry');
      expect(error.message).to.include('"swallowing" takes no entry of the batch');
    });

    it('a default of read-only that came while it runs', async () => {
      const options = await asRole('turned');
      await destinations.ready('turned', options);
      await sql('ALTER ROLE turned SET default_transaction_read_only = on');
      const destination = destinations.make(options);
      const error = await refused(destination.write(makeBatch('turned', [makeRow()]), never));
      expect(instructionOf(error), error.message).to.equal('config');
      expect(error.message).to.include('ALTER ROLE turned SET default_transaction_read_only = off;');
    });

    it('and all of several, not only the first', async () => {
      await sql(
        `CREATE UNLOGGED TABLE one (${columns}); CREATE TABLE fine (${columns}); CREATE TABLE two (id int)`,
      );
      const policy = {
        flush: { rows: 1, bytes: 1, every: 1 },
        concurrency: 1,
        haltAfter: 100,
        timeout: 60_000,
      };
      const outlet = new Outlet('warehouse', instantiate(plugin, { url }), policy);
      const error = await refused(checkTables(outlet, ['one', 'fine', 'two']));
      await outlet.close();
      expect(instructionOf(error)).to.equal('config');
      expect(error.message).to.include('one is UNLOGGED').and.to.include('"two" has another shape');
      expect(error.message).not.to.include('fine');
    });
  });

  it('may have every setting set badly: rows land all the same, and tokens are found', async () => {
    const options = await asRole('badly');
    await sql(`CREATE SCHEMA decoy; GRANT USAGE ON SCHEMA decoy TO badly;
      CREATE FUNCTION decoy.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'decoy' $$;
      CREATE FUNCTION decoy.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true';
      CREATE FUNCTION decoy.to_regclass(text) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass';
      CREATE DOMAIN decoy.text AS int; CREATE DOMAIN decoy.uuid AS int; CREATE DOMAIN decoy.timestamptz AS int`);
    const settings = {
      statement_timeout: "'50ms'",
      idle_in_transaction_session_timeout: "'1ms'",
      lock_timeout: "'1ms'",
      search_path: 'decoy, pg_catalog',
      quote_all_identifiers: 'on',
      client_min_messages: 'error',
      synchronous_commit: 'local',
      default_transaction_isolation: 'serializable',
      standard_conforming_strings: 'off',
      DateStyle: "'SQL, DMY'",
      TimeZone: "'Pacific/Kiritimati'",
      IntervalStyle: 'sql_standard',
      bytea_output: 'escape',
      extra_float_digits: '-15',
      row_security: 'off',
      client_encoding: 'LATIN1',
    };
    await sql(`CREATE TABLE badly.slow (${columns}); ALTER TABLE badly.slow OWNER TO badly;
      CREATE FUNCTION badly.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.2); RETURN NEW; END';
      CREATE TRIGGER wait BEFORE INSERT ON badly.slow FOR EACH ROW EXECUTE FUNCTION badly.wait();
      ${Object.entries(settings)
        .map(([name, value]) => `ALTER ROLE badly SET ${name} = ${value}`)
        .join(';')};
      DO $$ BEGIN ALTER ROLE badly SET transaction_timeout = '100ms';
        EXCEPTION WHEN undefined_object THEN NULL; END $$`);
    const destination = await destinations.ready('slow', options);
    const row = makeRow('"é\\\\ü"');
    await destination.write(makeBatch('slow', [row]), never);
    expect(await destination.latest?.('slow', 1, never)).to.deep.equal([row]);
    const range = { from: 0, to: Number.MAX_SAFE_INTEGER };
    for await (const ids of destination.requestIds?.('slow', range, never) ?? []) {
      expect(ids).to.deep.equal([row.requestId]);
      // A reader that takes its time.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }

    const tokens = instantiate(pluginOf(plugins, 'token-store', 'postgres'), options);
    await tokens.open(never);
    const token = {
      key: 'd538b946-9d55-405a-9bd2-72d74b1cb8f5',
      digest: new Uint8Array(32).fill(7),
      description: 'Löwe',
      active: true,
      createdAt: new Date('2026-11-30T23:59:59.123Z'),
      expiresAt: new Date('2027-02-01T00:00:00.000Z'),
    };
    await tokens.create(token);
    expect(await tokens.find(token.key)).to.deep.equal(token);
    await tokens.close();
  });

  describe('may break COMMIT itself:', () => {
    let proxy: CommitProxy;
    before(async () => {
      proxy = await CommitProxy.start(server.port, 'postgres');
    });
    after(() => proxy.close());

    for (const [cut, landed] of [
      ['before', 0],
      ['after', 2],
    ] as const) {
      it(`cut off ${cut} it happened, the batch is there once after the next try`, async () => {
        const table = `cut_${cut}`;
        const destination = await destinations.ready(table, {
          url: urlWith(url, { port: String(proxy.port) }),
        });
        const batch = makeBatch(table, [makeRow(), makeRow()]);
        proxy.fate = `cut ${cut}`;
        const error = await refused(destination.write(batch, never));
        expect(proxy.fate).to.equal(undefined);
        expect(instructionOf(error), error.message).to.equal('retry');
        await eventually(
          'the server has done with it',
          async () => (await count(table)) === landed || undefined,
        );
        await destination.write(batch, never);
        await destination.write(batch, never);
        expect(await count(table)).to.equal(2);
      });
    }

    it('answered when nobody waits any more, the batch is there once after the next try', async () => {
      const destination = await destinations.ready('answered_late', {
        url: urlWith(url, { port: String(proxy.port) }),
      });
      const batch = makeBatch('answered_late', [makeRow()]);
      const giveUp = new AbortController();
      const held = proxy.hold();
      const failed = refused(destination.write(batch, giveUp.signal));
      const letGo = await held;
      giveUp.abort(new Error('given up'));
      await failed;
      letGo();
      await destination.write(batch, never);
      expect(await count('answered_late')).to.equal(1);
    });

    it('with a warning of a trigger, it has landed', async () => {
      const destination = await destinations.ready('warned');
      await sql(`CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE WARNING 'look here'; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON warned DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION warn()`);
      await destination.write(makeBatch('warned', [makeRow()]), never);
      expect(await count('warned')).to.equal(1);
    });

    it('refused by a deferred constraint, nothing is there, and the refusal has its code', async () => {
      const destination = await destinations.ready('deferred');
      await sql(
        `ALTER TABLE deferred ADD CONSTRAINT once UNIQUE (__kdd_request_id) DEFERRABLE INITIALLY DEFERRED`,
      );
      const one = makeRow();
      const error = await refused(destination.write(makeBatch('deferred', [one, one]), never));
      expect(instructionOf(error), error.message).to.equal('permanent');
      expect((error as PermanentError).code).to.equal('23505');
      expect(error.message).to.include('once').and.not.to.include(one.requestId);
      expect(await count('deferred')).to.equal(0);
      await destination.write(makeBatch('deferred', [one]), never);
    });

    describe('waiting for a standby', () => {
      const standbys = async (names: string) => {
        await sql(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
        await sql('SELECT pg_reload_conf()');
      };
      const waiting = async () => {
        const found = await server.sql<{ pid: number }>(
          url,
          "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'hookline'",
        );
        return found[0]?.pid;
      };
      afterEach(() => standbys(''));

      it('it counts as landed only once the standby has it, also when it is found in the ledger', async () => {
        const destination = await destinations.ready('replicated');
        await standbys('nobody');
        const batch = makeBatch('replicated', [makeRow()]);
        for (const signal of [new AbortController(), new AbortController()]) {
          const writing = refused(destination.write(batch, signal.signal));
          await eventually('its COMMIT waits', waiting);
          signal.abort(new Error('given up'));
          await writing;
          expect(await count('replicated')).to.equal(1);
          await eventually('it waits no more', async () =>
            (await waiting()) === undefined ? true : undefined,
          );
        }
        const landing = destination.write(batch, never);
        await eventually('its COMMIT waits', waiting);
        await standbys('');
        await landing;
        expect(await count('replicated')).to.equal(1);
      });

      it('a wait that somebody cancels is no landing, though COMMIT succeeds', async () => {
        const destination = await destinations.ready('cancelled');
        await standbys('nobody');
        const batch = makeBatch('cancelled', [makeRow()]);
        const writing = refused(destination.write(batch, never));
        const pid = await eventually('its COMMIT waits', waiting);
        await sql(`SELECT pg_cancel_backend(${pid})`);
        const error = await writing;
        expect(instructionOf(error), error.message).to.equal('retry');
        await standbys('');
        await destination.write(batch, never);
        expect(await count('cancelled')).to.equal(1);
      });
    });
  });

  describe('may quote a row in what it says, and nothing of it is passed on:', () => {
    const secret = 'somebody@example.com';
    const raising = (text: string) => `CREATE FUNCTION raise_TABLE() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN ${text}; RETURN NEW; END $$;
      CREATE TRIGGER raise BEFORE INSERT ON TABLE FOR EACH ROW EXECUTE FUNCTION raise_TABLE()`;
    const quoting: Record<string, { alter: string; code: string; says: RegExp }> = {
      'a trigger that raises': {
        alter: raising("RAISE 'no: %', NEW.__kdd_request_body"),
        code: 'P0001',
        says: /refused \(function raise_quoting_0\) \(P0001\)/,
      },
      'a trigger that raises under a code of its own': {
        alter: raising(
          "RAISE '%', NEW.__kdd_request_body USING ERRCODE = 'check_violation', CONSTRAINT = 'mine'",
        ),
        code: '23514',
        says: /constraint mine/,
      },
      'a cast': {
        alter: raising('PERFORM NEW.__kdd_request_body::int'),
        code: '22P02',
        says: /invalid input syntax for type integer \(function raise_quoting_2\)/,
      },
      'SQL of a function that is made of it': {
        alter: raising("EXECUTE 'SELECT ' || NEW.__kdd_request_body"),
        code: '42703',
        says: /^warehouse: writing to \S+: column \(function raise_quoting_3\) \(42703\)/,
      },
      'a CHECK': {
        alter: 'ALTER TABLE TABLE ADD CONSTRAINT small CHECK (length(__kdd_request_body) < 5)',
        code: '23514',
        says: /violates check constraint "small"/,
      },
      'a key': {
        alter: 'ALTER TABLE TABLE ADD CONSTRAINT bodies UNIQUE (__kdd_request_body)',
        code: '23505',
        says: /unique constraint "bodies"/,
      },
    };
    for (const [n, [name, { alter, code, says }]] of Object.entries(quoting).entries()) {
      it(name, async () => {
        const table = `quoting_${n}`;
        const destination = await destinations.ready(table);
        await sql(alter.replaceAll(/(?<=ALTER TABLE |raise_|ON )TABLE/g, table));
        const rows = [makeRow(JSON.stringify(secret)), makeRow(JSON.stringify(secret))];
        const error = await refused(destination.write(makeBatch(table, rows), never));
        if (instructionOf(error) === 'permanent') expect((error as PermanentError).code).to.equal(code);
        else expect(instructionOf(error), error.message).to.equal('config');
        expect(error.message).to.match(says).and.to.include(code);
        expect(inspect(error, { depth: 10, showHidden: true })).not.to.include(secret);
      });
    }
  });
});
