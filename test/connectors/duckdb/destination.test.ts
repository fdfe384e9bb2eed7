import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type DuckDBBlobValue, DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { expect } from 'chai';
import { canonical, newestStorageVersion } from '../../../connectors/duckdb/database-file.js';
import { DuckDBDestination, type DuckDBOptions } from '../../../connectors/duckdb/destination.js';
import { Engine } from '../../../connectors/duckdb/engine.js';
import duckdb from '../../../connectors/duckdb/index.js';
import {
  absent,
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
} from '../../../core/conformance/index.js';
import { retrying } from '../../../core/conformance/proof.js';
import { type Destination, instructionOf, type Row } from '../../../core/index.js';
import { smallDisk } from '../../support/small-disk.js';

describe('the duckdb destination', () => {
  let folder: string;
  let files = 0;
  const destinations = new TestDestinations(duckdb, () => ({ releaseAfter: '50ms' }));

  const newPath = (): string => {
    files += 1;
    return join(folder, `deep ${files}`, 'ware house.duckdb');
  };
  const make = (path: string, options: object = {}) => destinations.make({ path, ...options });
  const ready = (path: string, table: string, options: object = {}) =>
    destinations.ready(table, { path, ...options });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-duckdb-'));
  });
  afterEach(() => destinations.close());
  after(() => rm(folder, { recursive: true, force: true }));

  describe('by the conformance suite', () => {
    let path: string;
    let holder: ChildProcess;
    let engine: Engine;
    // Its process is started once, and not by each claim; those about processes start some of their own.
    before(async () => {
      path = newPath();
      engine = await Engine.at(path);
    });
    after(() => engine.release({ destination: 0, options: { path } as DuckDBOptions }));
    const claims = destinationClaims({
      make: () => instantiate(duckdb, { path, releaseAfter: '50ms' }),
      rows: async (table): Promise<Row[]> => {
        const rows = await sql(
          path,
          `SELECT __kdd_request_id, __kdd_request_unix_timestamp, __kdd_requester_key, encode(__kdd_request_body)
             FROM "${table.replaceAll('"', '""')}"`,
        );
        return rows.map(([id, at, key, body]) => ({
          requestId: String(id),
          timestamp: Number(at),
          key: String(key),
          body: (body as DuckDBBlobValue).bytes,
        }));
      },
      describe: async () =>
        existsSync(path) &&
        (await sql(
          path,
          `SELECT table_name, column_name, data_type, is_nullable, estimated_size
             FROM duckdb_columns() LEFT JOIN duckdb_tables() USING (table_oid, table_name)
            WHERE NOT duckdb_columns.internal ORDER BY ALL`,
        )),
      tables: {
        create: async (table, shape) => {
          await sql(path, shapes[shape](`"${table}"`));
        },
        shapes: tableShapes,
      },
      refused: { body: Buffer.from('"somebody@example.com \xff\xfe"', 'latin1') },
      limits: { body: 64 * 1024 ** 2, rows: 50_000, bytes: 64 * 1024 ** 2 },
      process: () => ({
        module: new URL('../../../connectors/duckdb/index.js', import.meta.url).href,
        plugin: 'duckdb',
        options: { path },
      }),
      misconfigured: {
        'wrong credentials': absent('a file has no password'),
        'missing database': async () => {
          await writeFile(join(folder, 'a file'), '');
          return instantiate(duckdb, { path: join(folder, 'a file', 'x.duckdb') });
        },
        'missing grant': absent('root is refused nothing on a file system'),
      },
      // Another program that has the file open.
      outage: {
        begin: async () => {
          for (let tries = 0; tries < 20; tries++) {
            const found = await hold(path).catch(() => undefined);
            if (found === undefined) continue;
            holder = found;
            return;
          }
          throw new Error('the destination does not release the file');
        },
        end: async () => {
          holder.kill('SIGKILL');
          await once(holder, 'exit');
        },
      },
      secrets: () => [],
    });
    for (const claim of claims) it(claim.name, claim.run).timeout(60_000);
  });

  describe('the file', () => {
    it('is made, with its folder, by the first table and not before', async () => {
      const path = newPath();
      const destination = make(path);
      await destination.open(never);
      await destination.check(['orders'], never);
      expect(await destination.latest?.('orders', 10, never)).to.deep.equal([]);
      const error = await refused(destination.query?.('SELECT 1', 10, never));
      expect(instructionOf(error)).to.equal('config');
      expect(error.message).to.include('nothing yet');
      expect(await readdir(folder)).not.to.include(`deep ${files}`);
      await destination.ensureTable('orders', never);
      await destination.close();
      expect(await readdir(join(path, '..'))).to.deep.equal(['ware house.duckdb']);
    });

    it('is released when idle, so that another process can open it, and taken again when needed', async () => {
      const path = newPath();
      const destination = await ready(path, 'orders');
      await destination.write(makeBatch('orders', [makeRow()]), never);
      await sleep(400);
      const other = await hold(path);
      const batch = makeBatch('orders', [makeRow()]);
      const error = await refused(destination.write(batch, never));
      expect(instructionOf(error)).to.equal('retry');
      expect(error.message).to.include(path).and.to.include(String(other.pid)).and.to.include('warehouse');
      other.kill('SIGKILL');
      await once(other, 'exit');
      await destination.write(batch, never);
      expect(await destination.latest?.('orders', 10, never)).to.have.length(2);
    });

    it('is not kept open for longer than a timer can wait', () => {
      expect(() => make(newPath(), { releaseAfter: '30d' })).to.throw('expected a duration up to 24d');
    });

    it('stays ours while one of several destinations on it is in use', async () => {
      const path = newPath();
      const one = await ready(path, 'orders', { releaseAfter: '1m' });
      await symlink(path, `${path}.link`);
      const two = await ready(`${path}.link`, 'visits', { schema: 'other' });
      await one.write(makeBatch('orders', [makeRow()]), never);
      await two.write(makeBatch('visits', [makeRow()]), never);
      await two.close();
      expect(await hold(path).catch((error: Error) => error.message)).to.include('Could not set lock');
      await one.close();
      expect(await sql(path, 'SELECT count(*) FROM orders, other.visits')).to.deep.equal([[1n]]);
    });

    it('is one, whatever links lead to it, and whether it was there before or not', async () => {
      const real = join(folder, 'linked');
      await mkdir(real);
      await symlink(real, join(folder, 'link'));
      await symlink(join(folder, 'linked', 'later.duckdb'), join(folder, 'dangling.duckdb'));
      const path = join(folder, 'link', 'sub', 'ware house.duckdb');
      const first = await ready(path, 'orders');
      // By now it is there.
      const second = await ready(path, 'orders', { releaseAfter: '10s' });
      for (let n = 0; n < 3; n++) {
        await first.write(makeBatch('orders', [makeRow()]), never);
        await second.write(makeBatch('orders', [makeRow()]), never);
      }
      await destinations.close();
      expect(await sql(path, 'SELECT count(*)::INT FROM orders')).to.deep.equal([[6]]);
      const names = [join(folder, 'dangling.duckdb'), join(real, 'later.duckdb')].map(canonical);
      expect(new Set(await Promise.all(names))).to.have.property('size', 1);
      await symlink(join(folder, 'round'), join(folder, 'round'));
      expect(await canonical(join(folder, 'round'))).to.equal(join(folder, 'round'));
    });

    it('that is no DuckDB database is a ConfigError, and is left as it is', async () => {
      for (const content of ['hello '.repeat(1000), '']) {
        const path = join(folder, `no database ${content.length}`);
        await writeFile(path, content);
        const error = await refused(make(path).open(never));
        expect(instructionOf(error)).to.equal('config');
        expect(error.message).to.include(path).and.to.include('not a DuckDB database');
        expect(await readFile(path, 'utf8')).to.equal(content);
      }
    });

    it('of a newer DuckDB is a ConfigError', async () => {
      const path = newPath();
      await (await ready(path, 'orders')).close();
      const content = await readFile(path);
      content.writeBigUInt64LE(newestStorageVersion + 1n, 12);
      await writeFile(path, content);
      const error = await refused(make(path).open(never));
      expect(instructionOf(error)).to.equal('config');
      expect(error.message).to.include('newer DuckDB');
    });

    it('is of the newest storage version that we know of when DuckDB is told to make one', async () => {
      const path = join(folder, 'newest.duckdb');
      await sql(
        ':memory:',
        `ATTACH '${path}' AS x (STORAGE_VERSION 'latest'); CREATE TABLE x.t (a int); DETACH x`,
      );
      expect((await readFile(path)).readBigUInt64LE(12)).to.equal(newestStorageVersion);
    });

    it('that is a folder, or cannot be made, is a ConfigError', async () => {
      expect(await instruction(make(folder).open(never))).to.equal('config');
      await writeFile(join(folder, 'plain'), '');
      expect(await instruction(make(join(folder, 'plain', 'x.duckdb')).open(never))).to.equal('config');
    });

    it('may be named as the schema is', async () => {
      const path = join(folder, 'orders.duckdb');
      const one = await ready(path, 'orders', { schema: 'orders' });
      await one.write(makeBatch('orders', [makeRow()]), never);
      await one.close();
      await sql(path, `CREATE TABLE orders.orders.other (note VARCHAR, ${columns})`);
      await one.open(never);
      await one.check(['orders', 'other'], never);
      await one.write(makeBatch('other', [makeRow()]), never);
      for (const table of ['orders', 'other']) {
        expect(await one.latest?.(table, 10, never)).to.have.length(1);
        const ids: string[] = [];
        for await (const some of one.requestIds?.(table, { from: 0, to: 9e9 }, never) ?? [])
          ids.push(...some);
        expect(ids).to.have.length(1);
      }
      await one.close();
      expect(await sql(path, 'SELECT count(*)::INT FROM orders.orders.__hookline_batches')).to.deep.equal([
        [2],
      ]);
    });

    it('with a log that cannot be replayed is a ConfigError, and is left as it is', async () => {
      const path = join(folder, 'broken.duckdb');
      const instance = await DuckDBInstance.create(path);
      const connection = await instance.connect();
      await connection.run('PRAGMA disable_checkpoint_on_shutdown; CREATE TABLE t AS FROM range(1000)');
      connection.closeSync();
      instance.closeSync();
      const log = await readFile(`${path}.wal`);
      log[log.length >> 1] = (log[log.length >> 1] as number) ^ 255;
      await writeFile(`${path}.wal`, log);
      const error = await refused(make(path).open(never));
      expect(instructionOf(error), String(error)).to.equal('config');
      expect(error.message).to.include(`${path}.wal`).and.to.include('backup');
      expect((await readFile(`${path}.wal`)).equals(log)).to.equal(true);
    });

    it("and its log are their user's alone, unless mode says otherwise", async () => {
      const before = process.umask(0o022);
      try {
        for (const [options, expected] of [
          [{}, 0o600],
          [{ mode: '0640' }, 0o640],
        ] as const) {
          const path = newPath();
          const destination = await ready(path, 'orders', { releaseAfter: '1m', ...options });
          await destination.write(makeBatch('orders', [makeRow()]), never);
          for (const name of [path, `${path}.wal`]) {
            expect(((await stat(name)).mode & 0o777).toString(8), name).to.equal(expected.toString(8));
          }
          await destination.close();
          expect((await stat(path)).mode & 0o777).to.equal(expected);
        }
      } finally {
        process.umask(before);
      }
    });

    it('on a full disk is retryable, and nothing is lost or doubled once there is room', async function () {
      const disk = await smallDisk(this);
      try {
        const destination = await ready(join(disk.path, 'x.duckdb'), 'orders');
        const small = makeBatch('orders', [makeRow()]);
        await destination.write(small, never);
        const big = makeBatch(
          'orders',
          Array.from({ length: 12 }, (_, n) => makeRow(JSON.stringify(noise(n)))),
        );
        await writeFile(join(disk.path, 'ballast'), Buffer.alloc(8 * 1024 ** 2));
        expect(await instruction(destination.write(big, never))).to.equal('retry');
        expect(await instruction(destination.write(big, never))).to.equal('retry');
        await rm(join(disk.path, 'ballast'));
        await destination.write(big, never);
        await destination.write(small, never);
        expect(await destination.latest?.('orders', 100, never)).to.have.length(13);
      } finally {
        await destinations.close();
        await disk.destroy();
      }
    });
  });

  describe('rows', () => {
    it('does not take broken UTF-8, and says so as a PermanentError', async () => {
      const destination = await ready(newPath(), 'orders');
      const batch = makeBatch('orders', [
        makeRow(),
        makeRow(Buffer.from('"a long text \xff\xfe"', 'latin1')),
        makeRow(),
      ]);
      expect(await instruction(destination.write(batch, never))).to.equal('permanent');
      expect(await destination.latest?.('orders', 10, never)).to.deep.equal([]);
    });

    describe('of which 2,048 take more memory than DuckDB has at first', () => {
      // Closed in between, it would have room for each batch.
      const open = { releaseAfter: '1m' };
      const batches = () =>
        Array.from({ length: 14 }, () =>
          makeBatch(
            'large',
            Array.from({ length: 60 }, () => makeRow(JSON.stringify('x'.repeat(100_000)), 1.7e9)),
          ),
        );

      it('land once it was given more, and others read meanwhile', async () => {
        const path = newPath();
        const destination = await ready(path, 'large', open);
        const refusals: string[] = [];
        const rows: Row[] = [];
        for (const batch of batches()) {
          for (let isThere = false; !isThere; ) {
            await destination.write(batch, never).then(
              () => (isThere = true),
              (error) => {
                expect(instructionOf(error), String(error)).to.equal('retry');
                refusals.push(String(error));
              },
            );
            const some = rows.length > 0 || isThere ? 1 : 0;
            expect(await destination.latest?.('large', 1, never)).to.have.length(some);
          }
          rows.push(...batch.rows);
        }
        expect(refusals.length).to.be.within(1, 3);
        expect(refusals[0]).to.match(
          /than the 72MiB that DuckDB has, as 2,048 rows .* it has 144MiB from now on/,
        );
        await destinations.close();
        const stored = await sql(path, 'SELECT __kdd_request_id FROM large ORDER BY ALL');
        expect(stored.map(([id]) => id)).to.deep.equal(rows.map(({ requestId }) => requestId).toSorted());
      }).timeout(60_000);

      it('land though a list of what is there is open that nobody reads on, which is cut short', async () => {
        const destination = await ready(newPath(), 'large', open);
        const small = Array.from({ length: 10_000 }, () => makeRow('1', 1.7e9));
        await destination.write(makeBatch('large', small), never);
        const list = destination.requestIds?.('large', { from: 0, to: 2e9 }, never)[Symbol.asyncIterator]();
        expect((await list?.next())?.done).to.equal(false);
        for (const batch of batches()) {
          for (let tries = 0; ; tries++) {
            const error = await destination.write(batch, never).catch((thrown: Error) => thrown);
            if (error === undefined) break;
            expect(tries, String(error)).to.be.below(2);
          }
        }
        const rest = async () => {
          while ((await list?.next())?.done === false);
        };
        const error = await refused(rest());
        expect(instructionOf(error)).to.equal('retry');
        expect(String(error)).to.include('listing large: it was cut short, as a write needs the database');
      }).timeout(60_000);

      it('wait where memoryLimit forbids it, and it is said so', async () => {
        const destination = await ready(newPath(), 'large', { ...open, memoryLimit: '72MiB' });
        const write = async () => {
          for (const batch of batches()) await destination.write(batch, never);
        };
        const error = await refused(write());
        expect(instructionOf(error)).to.equal('retry');
        expect(String(error)).to.match(/than the 72MiB that DuckDB has: raise memoryLimit/);
      }).timeout(60_000);
    });

    it('take no more memory than they need though others take all of it, again and again', async () => {
      const destination = await ready(newPath(), 'orders');
      let isOver = false;
      let refusals = 0;
      const greedy = async () => {
        const all = "SELECT length(string_agg(repeat('x', 100000) || range)) FROM range(100000)";
        while (!isOver) {
          await destination.query?.(all, 1, never).catch((error: unknown) => {
            expect(String(error)).to.match(/than the 72MiB that DuckDB has: ask for less|was cut short/);
            refusals += 1;
          });
        }
      };
      const querying = greedy();
      const until = Date.now() + 5000;
      let written = 0;
      while (Date.now() < until) {
        const rows = Array.from({ length: 6000 }, () => makeRow(JSON.stringify('x'.repeat(1000)), 1.7e9));
        const batch = makeBatch('orders', rows);
        await retrying(() => destination.write(batch, never));
        written += rows.length;
      }
      isOver = true;
      await querying;
      expect(refusals).to.be.above(0);
      const counted = await destination.query?.(
        'SELECT count(*)::INT, count(DISTINCT __kdd_request_id)::INT FROM orders',
        1,
        never,
      );
      expect(counted?.rows).to.deep.equal([[written, written]]);
    }).timeout(60_000);

    describe('of which the COMMIT fails', () => {
      const here = new TestDestinations(
        {
          ...duckdb,
          create: (options) => new DuckDBDestination(options as DuckDBOptions),
        },
        () => ({}),
      );
      afterEach(() => here.close());
      const undo =
        "DELETE FROM main.__hookline_batches WHERE landed_at > current_timestamp - INTERVAL '1 hour'";
      const left: Record<string, (commit: Commit) => Promise<void>> = {
        'having left nothing': ({ run }) => run('ROLLBACK'),
        'though it has happened': ({ run }) => run('COMMIT'),
        'having left rows without their entry': async ({ run }) => {
          await run(undo);
          await run('COMMIT');
        },
        // So does DuckDB's own, short of memory: its log has nothing of it, and a checkpoint would write it down.
        'having left rows in memory, without their entry': async ({ run, path }) => {
          const before = (await stat(`${path}.wal`)).size;
          await run(undo);
          await run('COMMIT');
          await truncate(`${path}.wal`, before);
        },
      };
      for (const [what, leave] of Object.entries(left)) {
        it(`are there once, ${what}`, async () => {
          const path = newPath();
          const open = () => here.ready('orders', { path });
          let destination = await open();
          const batch = makeBatch('orders', [makeRow(), makeRow()]);
          const commits = breakCommit(({ run }) => leave({ run, path }));
          try {
            const error = await refused(destination.write(batch, never));
            expect(instructionOf(error), String(error)).to.equal('retry');
          } finally {
            commits.mend();
          }
          // Where the file has no part of it, whoever comes next need not know of it.
          if (!what.endsWith('left rows without their entry')) {
            await destination.close();
            destination = await open();
          }
          await destination.write(batch, never);
          await destination.write(batch, never);
          await destination.close();
          const counts = '(SELECT count(*)::INT FROM orders), (SELECT count(*)::INT FROM __hookline_batches)';
          expect(await sql(path, `SELECT ${counts}`)).to.deep.equal([[2, 1]]);
        });
      }
    });

    it('stores none of a batch in which a constraint refuses one', async () => {
      const path = newPath();
      const destination = await ready(path, 'orders');
      await destination.close();
      await sql(path, `CREATE TABLE picky (${columns}, CHECK (__kdd_request_body <> 'null'))`);
      await destination.open(never);
      await destination.ensureTable('picky', never);
      const rows = Array.from({ length: 5000 }, (_, n) => makeRow(n === 3000 ? 'null' : '1'));
      const error = await refused(destination.write(makeBatch('picky', rows), never));
      expect(instructionOf(error), String(error)).to.equal('permanent');
      expect(error).to.have.property('code', 'Constraint');
      expect(error.message)
        .to.include('CHECK constraint failed on table')
        .and.to.include('__kdd_request_body');
      expect(await destination.latest?.('picky', 10, never)).to.deep.equal([]);
      await destination.write(makeBatch('picky', rows.slice(0, 3000)), never);
      expect(await destination.latest?.('picky', 5000, never)).to.have.length(3000);
    });

    it('does not take what a row says for what DuckDB says of its memory', async () => {
      const path = newPath();
      const destination = await ready(path, 'orders');
      await destination.close();
      await sql(path, `CREATE TABLE numbers (${columns}, CHECK (__kdd_request_body::INT > 0))`);
      await destination.open(never);
      await destination.ensureTable('numbers', never);
      const batch = makeBatch('numbers', [makeRow('"Out of Memory (71.7 MiB/72.0 MiB used)"')]);
      const error = await refused(destination.write(batch, never));
      expect(instructionOf(error)).to.equal('permanent');
      expect(error).to.have.property('code', 'Constraint');
      expect(error.message).to.match(/CHECK constraint failed .* Could not convert string …/);
      expect(error.message).not.to.match(/Out of Memory|71|2,048 rows/);
    });

    it('halts when the table is gone, and goes on once it is made again', async () => {
      const path = newPath();
      const destination = await ready(path, 'orders');
      await sleep(300);
      await sql(path, 'DROP TABLE orders');
      const batch = makeBatch('orders', [makeRow()]);
      expect(await instruction(destination.write(batch, never))).to.equal('config');
      await destination.ensureTable('orders', never);
      await destination.write(batch, never);
      expect(await destination.latest?.('orders', 10, never)).to.have.length(1);
    });

    it('notices columns that were added while it had released the file', async () => {
      const path = newPath();
      const destination = await ready(path, 'orders');
      await destination.write(makeBatch('orders', [makeRow()]), never);
      await sleep(300);
      await sql(path, 'ALTER TABLE orders ADD COLUMN note VARCHAR');
      await destination.write(makeBatch('orders', [makeRow()]), never);
      await destination.write(makeBatch('orders', [makeRow()]), never);
      expect(await destination.latest?.('orders', 10, never)).to.have.length(3);
    });

    it('keeps a ledger of batches in its schema', async () => {
      const path = newPath();
      const destination = await ready(path, 'orders', { schema: 'Web "hooks"' });
      const batch = makeBatch('orders', [makeRow(), makeRow()]);
      await destination.write(batch, never);
      const result = await destination.query?.(
        'SELECT batch_id, table_name, rows, bytes FROM "Web ""hooks""".__hookline_batches',
        10,
        never,
      );
      expect(result?.rows).to.deep.equal([[batch.id, 'orders', 2, batch.bytes]]);
    });
  });

  describe('its process', () => {
    const bomb = `SELECT json_structure('${'['.repeat(100_000)}${']'.repeat(100_000)}')`;

    it('may end by a query that DuckDB does not survive; what it had begun is tried again', async () => {
      const path = newPath();
      const destination = await ready(path, 'orders');
      const batches = Array.from({ length: 20 }, () => makeBatch('orders', [makeRow(), makeRow()]));
      const [error] = await Promise.all([
        refused(destination.query?.(bomb, 1, never)),
        ...batches.map((batch) => retrying(() => destination.write(batch, never))),
      ]);
      expect(instructionOf(error), String(error)).to.equal('retry');
      expect(error.message).to.match(
        /^warehouse: DuckDB ended unexpectedly \(SIGSEGV\) during .*a query.*; it is started again$/,
      );
      await destination.close();
      expect(await sql(path, 'SELECT count(*)::INT FROM orders')).to.deep.equal([[40]]);
    });

    it('is one for each file, which ends when nobody has it open', async () => {
      const path = newPath();
      const one = await ready(path, 'orders');
      const two = await ready(path, 'visits');
      const other = await ready(newPath(), 'orders');
      const begun = await engines();
      await one.close();
      expect(await engines()).to.deep.equal(begun);
      await two.close();
      expect(begun).to.have.length(2);
      expect(await engines()).to.have.length(1);
      await other.close();
      expect(await engines()).to.deep.equal([]);
    });
  });

  describe('queries', () => {
    let path: string;
    let destination: Destination;
    const query = async (text: string, limit = 100) => {
      const result = await destination.query?.(text, limit, never);
      if (result === undefined) throw new Error('no query');
      return result;
    };

    before(() => {
      path = newPath();
    });
    beforeEach(async () => {
      destination = await ready(path, 'orders');
    });

    it('answers with columns and rows, and says when there were more than the limit', async () => {
      await destination.write(makeBatch('orders', [makeRow('{"total":12.5}', 1577015690.3118637)]), never);
      expect(
        await query(
          `SELECT __kdd_request_unix_timestamp AS at, __kdd_request_body->>'total' AS total FROM orders`,
        ),
      ).to.deep.equal({ columns: ['at', 'total'], rows: [[1577015690.3118637, '12.5']], truncated: false });
      const many = await query('SELECT range FROM range(10000)', 3000);
      expect(many.rows).to.have.length(3000);
      expect(many.truncated).to.equal(true);
      expect((await query('SELECT range FROM range(3000)', 3000)).truncated).to.equal(false);
    });

    it('gives values as JSON has them', async () => {
      const { rows } =
        await query(`SELECT NULL, true, 1, 9007199254740991, 9007199254740993, 1.5::DOUBLE, 12.50,
        12345678901234567890.5::DECIMAL(38,1), 'é', DATE '2026-11-24', TIMESTAMP '2026-11-24 05:06:07.123456',
        TIMESTAMPTZ '2026-11-24 05:06:07+02', '\\x00\\xff'::BLOB, [1, NULL, 3], {'a': [DATE '2020-01-01'], 'b': 2},
        MAP {'k': 1}, MAP {1: 'x'}, 'nan'::DOUBLE, INTERVAL 90 MINUTE, '{"a":1}'::JSON,
        'd538b946-9d55-405a-9bd2-72d74b1cb8f5'::UUID, 170141183460469231731687303715884105727::HUGEINT`);
      expect(rows[0]).to.deep.equal([
        null,
        true,
        1,
        9007199254740991,
        '9007199254740993',
        1.5,
        12.5,
        '12345678901234567890.5',
        'é',
        '2026-11-24',
        '2026-11-24T05:06:07.123456',
        '2026-11-24T03:06:07Z',
        '00ff',
        [1, null, 3],
        { a: ['2020-01-01'], b: 2 },
        { k: 1 },
        [{ key: 1, value: 'x' }],
        'NaN',
        '01:30:00',
        '{"a":1}',
        'd538b946-9d55-405a-9bd2-72d74b1cb8f5',
        '170141183460469231731687303715884105727',
      ]);
      JSON.stringify(rows);
    });

    for (const text of [
      'SHOW TABLES',
      'DESCRIBE orders',
      'SUMMARIZE orders',
      'FROM orders',
      'WITH x AS (SELECT 1) SELECT * FROM x',
      'EXPLAIN SELECT 1',
      'PRAGMA table_info(orders)',
      ' -- a comment\n SELECT 1; ',
    ]) {
      it(`answers ${text.trim()}`, async () => {
        await query(text);
      });
    }

    for (const text of [
      'DELETE FROM orders',
      "INSERT INTO orders VALUES ('a', 1, 'b', 'c')",
      'UPDATE orders SET __kdd_request_body = 1 RETURNING 1',
      'DROP TABLE orders',
      'CREATE TABLE x (a int)',
      'CREATE TEMP TABLE x (a int)',
      'SELECT 1; DROP TABLE orders',
      'COMMIT; DROP TABLE orders',
      'EXPLAIN ANALYZE DELETE FROM orders',
      'BEGIN',
      'CHECKPOINT',
      'CALL force_checkpoint()',
      'VACUUM',
      'SET threads = 1',
      'RESET threads',
      'PRAGMA enable_profiling',
      'USE memory',
      "ATTACH ':memory:' AS x",
      'DETACH warehouse',
      'PREPARE x AS SELECT 1',
    ]) {
      it(`refuses ${text} and changes nothing`, async () => {
        const before = await query('SELECT count(*) FROM orders');
        const error = await refused(query(text));
        expect(instructionOf(error), String(error)).to.equal('permanent');
        expect(error.message).to.match(/^warehouse: (only read-only statements|Catalog)|cannot be/i);
        expect(await query('SELECT count(*) FROM orders')).to.deep.equal(before);
        expect((await query('SHOW TABLES')).rows).to.deep.equal([['__hookline_batches'], ['orders']]);
      });
    }

    it('says of a text without a statement that there is none', async () => {
      for (const text of ['', ' ', '-- nothing', ';']) {
        const error = await refused(query(text));
        expect([instructionOf(error), error.message], text).to.deep.equal([
          'permanent',
          'warehouse: there is no statement in it: write a SELECT, SHOW or EXPLAIN',
        ]);
      }
    });

    it('reads and writes no other file', async () => {
      for (const text of [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        `COPY orders TO '${join(folder, 'stolen.csv')}'`,
        `EXPLAIN ANALYZE COPY orders TO '${join(folder, 'stolen.csv')}'`,
        `ATTACH '${join(folder, 'stolen.duckdb')}'`,
        `EXPORT DATABASE '${join(folder, 'stolen')}'`,
        'INSTALL httpfs',
        "LOAD '/tmp/x.duckdb_extension'",
      ]) {
        expect(await instruction(query(text)), text).to.equal('permanent');
      }
      expect((await readdir(folder)).filter((name) => name.startsWith('stolen'))).to.deep.equal([]);
    });

    it("gives the database's own words for a mistake", async () => {
      for (const [text, words] of [
        ['SELEC 1', 'syntax error'],
        ['SELECT x FROM orders', 'column "x" not found'],
        ['SELECT * FROM nowhere', 'nowhere does not exist'],
        ["SELECT 'a'::INT", 'Could not convert'],
        ['', 'no statement'],
        [' -- nothing', 'no statement'],
        ['SELECT ?', 'parameters'],
      ] as const) {
        const error = await refused(query(text));
        expect(instructionOf(error), text).to.equal('permanent');
        expect(error.message).to.include(words).and.not.to.include('exception_type');
      }
    });

    it('says of one that takes more memory than there is what would help', async () => {
      const text = "SELECT string_agg(repeat('x', 100000) || range) FROM range(5000)";
      const error = await refused(query(text));
      expect(instructionOf(error), String(error)).to.equal('retry');
      expect(error.message).to.match(/than the 72MiB that DuckDB has: ask for less, or raise memoryLimit$/);
      expect((await query('SELECT 1')).rows).to.deep.equal([[1]]);
    });

    it('does not take the words of one for a lack of memory', async () => {
      const error = await refused(query("SELECT CAST('Out of Memory' AS INT)"));
      expect(instructionOf(error), String(error)).to.equal('permanent');
      expect(error.message).to.include('Could not convert string').and.not.to.include('ask for less');
    });

    it('stops when the signal fires', async () => {
      const endless = 'SELECT count(*) FROM range(1000000000) a, range(1000000) b';
      await refused(destination.query?.(endless, 1, AbortSignal.timeout(100)));
      expect((await query('SELECT 1')).rows).to.deep.equal([[1]]);
    });

    it('goes on beside writes', async () => {
      const batches = Array.from({ length: 10 }, () => makeBatch('orders', [makeRow(), makeRow()]));
      await Promise.all([
        ...batches.map((batch) => destination.write(batch, never)),
        ...batches.map(() => query('SELECT count(*) FROM orders')),
      ]);
    });
  });
});

/** Runs statements over an instance of their own; resolves to the rows of the last. */
async function sql(path: string, text: string): Promise<DuckDBValue[][]> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(text)).getRows();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Another process that has the file open. Rejects with what DuckDB says when it cannot open it. */
async function hold(path: string): Promise<ChildProcess> {
  const program = `
    import { DuckDBInstance } from '@duckdb/node-api';
    const instance = await DuckDBInstance.create(process.argv[1]);
    console.log('open');
    setInterval(() => instance, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, path], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let trouble = '';
  child.stderr.on('data', (chunk: Buffer) => {
    trouble += chunk.toString();
  });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() => Promise.reject(new Error(trouble))),
  ]);
  return child;
}

/** The process ids of the children of this process that have DuckDB files. */
async function engines(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid=,args=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, ...words]) => parent === String(process.pid) && words.join(' ') === 'hookline duckdb')
    .map(([pid]) => pid as string);
}

interface Commit {
  /** Runs a statement in place of the COMMIT. */
  readonly run: (sql: string) => Promise<void>;
  readonly path: string;
}

/** A fake: the next COMMIT says that it failed for want of memory, as DuckDB's own does, and leaves what it is told. */
function breakCommit(leave: (commit: Omit<Commit, 'path'>) => Promise<void>): { mend(): void } {
  const { prototype } = DuckDBConnection;
  const { run } = prototype;
  const mend = () => {
    prototype.run = run;
  };
  prototype.run = async function (this: DuckDBConnection, sql, ...others) {
    if (sql !== 'COMMIT') return await run.call(this, sql, ...others);
    mend();
    await leave({
      run: async (sql) => {
        await run.call(this, sql);
      },
    });
    const fault = 'Failed to commit: failed to pin block of size 256.0 KiB (71.9 MiB/72.0 MiB used)';
    throw new Error(JSON.stringify({ exception_type: 'TransactionContext', exception_message: fault }));
  };
  return { mend };
}

/** Text that does not compress. */
function noise(seed: number): string {
  let state = seed + 1;
  return Array.from({ length: 700_000 }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return String.fromCharCode(48 + (state % 74));
  }).join('');
}

const columns = `__kdd_request_id VARCHAR NOT NULL, __kdd_request_unix_timestamp DOUBLE NOT NULL,
  __kdd_requester_key VARCHAR NOT NULL, __kdd_request_body VARCHAR NOT NULL`;

const shapes: Record<TableShape, (table: string) => string> = {
  'without a body': (table) =>
    `CREATE TABLE ${table} (__kdd_request_id VARCHAR, __kdd_request_unix_timestamp DOUBLE, __kdd_requester_key VARCHAR)`,
  'with a timestamp that is text': (table) =>
    `CREATE TABLE ${table} (__kdd_request_id VARCHAR, __kdd_request_unix_timestamp VARCHAR, __kdd_requester_key VARCHAR, __kdd_request_body VARCHAR)`,
  'with a mandatory column of its own': (table) => `CREATE TABLE ${table} (${columns}, tenant INT NOT NULL)`,
  'that is a view': (table) =>
    `CREATE VIEW ${table} AS SELECT '' AS __kdd_request_id, 0::DOUBLE AS __kdd_request_unix_timestamp,
            '' AS __kdd_requester_key, '' AS __kdd_request_body`,
  'in another order and with further nullable columns': (table) =>
    `CREATE TABLE ${table} (note VARCHAR, __kdd_request_body VARCHAR, __kdd_requester_key VARCHAR, tenant INT,
                            __kdd_request_unix_timestamp DOUBLE, __kdd_request_id VARCHAR)`,
};
