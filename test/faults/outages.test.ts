import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import pg from 'pg';
import { Scoreboard, sized } from '../support/attack.js';
import { eventually } from '../support/hookline.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { readDuckDb, readPostgres } from '../support/readers.js';
import { Rig } from '../support/rig.js';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const rounds = sized(1, 3);
const board = new Scoreboard('outages of Postgres, under load');

const configuration = `destinations:
  main: { type: postgres, url: "\${MAIN_URL}", timeout: 4s, flush: { rows: 500, every: 50ms } }
  other: { type: postgres, url: "\${OTHER_URL}", flush: { rows: 500, every: 50ms } }
  local: { type: duckdb, path: ./warehouse.duckdb, flush: { rows: 500, every: 50ms } }
pipelines:
  1: { destination: [main, local], table: rows }
  2: { destination: main, table: small }
  3: { destination: other, table: rows }
`;

const chart = `__kdd_request_id text NOT NULL, __kdd_request_unix_timestamp double precision NOT NULL,
  __kdd_requester_key text NOT NULL, __kdd_request_body text NOT NULL`;

interface Outage {
  /** In the plural. */
  readonly what: string;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
  /** What the lane that is concerned says meanwhile; not looked at where it is over too soon. */
  readonly says?: readonly RegExp[];
  /** The pipeline whose lane to Postgres is concerned; that of the other goes on, too. */
  readonly only?: '1' | '2';
  /** Takes seconds, so that only the long run has it. */
  readonly long?: true;
  /** It needs the small disk, which not everybody may mount. */
  readonly onDisk?: true;
}

describe('while Postgres is out, senders are answered, other lanes land, and nothing is lost or doubled', function () {
  this.timeout(300_000);
  let main: TestPostgres;
  let other: TestPostgres;
  let database: string;
  let otherDatabase: string;
  let disk: SmallDisk | undefined;
  let proxy: TcpProxy;
  let rig: Rig;

  before(async () => {
    [main, other] = await Promise.all([startPostgres(), startPostgres()]);
    [database, otherDatabase] = await Promise.all([main.createDatabase(), other.createDatabase()]);
    proxy = await TcpProxy.start(main.port);
    disk = await mountSmallDisk();
    await main.sql(database, "CREATE ROLE hook LOGIN PASSWORD 'hook'; GRANT CREATE ON SCHEMA public TO hook");
    if (disk !== undefined) {
      await promisify(execFile)('chown', ['nobody', disk.path]);
      await main.sql(database, `CREATE TABLESPACE small LOCATION '${disk.path}'`);
      await main.sql(database, `CREATE TABLE small (${chart}) TABLESPACE small`);
      await main.sql(database, 'ALTER TABLE small OWNER TO hook');
    }
    const url = new URL(database);
    Object.assign(url, { username: 'hook', password: 'hook', port: String(proxy.port) });
    rig = await Rig.start(configuration, { env: { MAIN_URL: url.href, OTHER_URL: otherDatabase } });
    for (const pipeline of ['1', '3']) rig.send(pipeline);
    rig.send('2', 1, 1, 20);
    await rig.lands('1', 'main');
  });

  after(async () => {
    await rig?.destroy();
    await proxy?.close();
    await Promise.all([main?.destroy(), other?.destroy()]);
    await disk?.destroy();
  });

  const sql = (text: string) => main.sql(database, text);
  const cut = () =>
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hookline'");

  /** Makes each row of a COPY take two milliseconds, and waits until one is amid its rows. */
  async function amidCopy(): Promise<number> {
    await sql(`
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION slow()`);
    return eventually('a COPY is amid its rows', async () => {
      const [found] = await main.sql<{ pid: number }>(
        database,
        'SELECT pid FROM pg_stat_progress_copy WHERE tuples_processed > 5',
      );
      return found?.pid;
    });
  }

  const unslow = () =>
    eventually('it is fast again', async () => {
      await sql('DROP TRIGGER IF EXISTS slow ON rows; DROP FUNCTION IF EXISTS slow');
      return true;
    });

  let release = async () => {};
  /** Holds what `take` takes until it is released. */
  async function hold(take: (keep: (client: pg.Client) => void) => Promise<void>): Promise<void> {
    const clients: pg.Client[] = [];
    release = async () => {
      release = async () => {};
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
    };
    await take((client) => clients.push(client.on('error', () => undefined)));
  }

  async function crowd(keep: (client: pg.Client) => void): Promise<void> {
    await sql(
      "DO $$ BEGIN CREATE ROLE crowd LOGIN PASSWORD 'crowd'; EXCEPTION WHEN duplicate_object THEN END $$",
    );
    const url = new URL(database);
    Object.assign(url, { username: 'crowd', password: 'crowd' });
    for (let full = 0; full < 3; ) {
      const client = new pg.Client({ connectionString: url.href });
      client.on('error', () => undefined);
      await client.connect().then(
        () => keep(client),
        async (error: { code?: string }) => {
          expect(error.code).to.equal('53300');
          full++;
          await cut();
        },
      );
    }
  }

  async function lock(keep: (client: pg.Client) => void): Promise<void> {
    const client = new pg.Client({ connectionString: database });
    keep(client);
    await client.connect();
    await client.query('BEGIN; LOCK TABLE small IN ACCESS EXCLUSIVE MODE');
  }

  async function fill(path: string): Promise<void> {
    for (let size = 1024 * 1024; size >= 4096; ) {
      await writeFile(join(path, 'filler'), Buffer.alloc(size), { flag: 'a' }).catch(() => {
        size /= 2;
      });
    }
  }

  const outages: readonly Outage[] = [
    {
      what: 'stops (fast shutdown)',
      begin: () => main.stop(),
      end: () => main.start(),
      says: [/ECONNREFUSED|ECONNRESET|connection was lost|hung up|terminated/, /main|127\.0\.0\.1/],
    },
    {
      what: 'SIGKILLs of a backend amid a COPY',
      begin: async () => process.kill(await amidCopy(), 'SIGKILL'),
      end: unslow,
    },
    {
      what: 'crashes of the whole server amid a COPY',
      begin: async () => {
        await amidCopy();
        await main.kill();
      },
      end: async () => {
        await main.start();
        await unslow();
      },
    },
    {
      what: 'seconds in which every connection was cut 20 times',
      begin: async () => {
        let hit = 0;
        for (let n = 0; n < 20; n++) {
          hit += (await cut()).length;
          await sleep(50);
        }
        // Those of lanes that wait to try again are not there to be cut.
        expect(hit).to.be.at.least(5);
      },
      end: async () => {},
    },
    {
      what: 'locks on the table that lasted longer than a write may',
      begin: () => hold(lock),
      end: () => release(),
      says: [/did not finish within its timeout of 4s/, /destinations\.main\.timeout/],
      only: '2',
      long: true,
    },
    {
      what: 'locks on the table that lasted longer than the server lets one wait',
      begin: async () => {
        await sql("ALTER ROLE hook SET lock_timeout = '500ms'");
        await cut();
        await hold(lock);
      },
      end: async () => {
        await sql('ALTER ROLE hook RESET lock_timeout');
        await release();
      },
      says: [/writing to small/, /holds a lock/, /pg_locks/],
      only: '2',
    },
    {
      what: 'networks that swallowed packets, and brought them late',
      begin: async () => proxy.swallow(),
      end: async () => proxy.flow(),
      says: [/timeout of 4s|no answer in 10 s/, /network|firewall/],
    },
    {
      what: 'full disks of the server',
      begin: () => fill(disk?.path ?? ''),
      end: () => rm(join(disk?.path ?? '', 'filler')),
      says: [/small/, /disk is full: make room/],
      onDisk: true,
      only: '2',
    },
    {
      what: 'times that others had all connections',
      begin: () => hold(crowd),
      end: () => release(),
      says: [/max_connections/],
      long: true,
    },
    { what: 'restarts', begin: () => main.stop(), end: () => main.start() },
  ];

  const chosen = outages.filter(({ long }) => long === undefined || sized(0, 1) === 1);
  for (const { what, begin, end, says, only, onDisk } of chosen) {
    it(`${rounds} × ${what}`, async function () {
      // As elsewhere: who may not mount a disk cannot fill one, and the sum of the run says so.
      if (onDisk && disk === undefined) this.skip();
      for (let round = 0; round < rounds; round++) {
        const [acked, others] = [rig.acked, only === undefined ? [] : [only === '1' ? '2' : '1']];
        const concerned = only ?? '1';
        try {
          await begin();
          if (says !== undefined) await rig.is([concerned, 'main'], 'retrying', says);
          await rig.lands('1', 'local');
          await rig.lands('3', 'other');
          for (const pipeline of others) await rig.lands(pipeline, 'main');
          // On a full disk what a refused COPY had taken is vacuumed away, and a batch may fit there.
          if (says !== undefined && onDisk !== true) {
            expect((await rig.lane(concerned, 'main')).state).to.equal('retrying');
          }
          expect(rig.acked).to.be.greaterThan(acked);
        } finally {
          await end();
        }
        await rig.is([concerned, 'main'], 'running');
        await rig.lands(concerned, 'main');
        expect(rig.refused).to.equal(0);
        board.add(what, 1);
      }
    });
  }

  it('holds every row of every lane once, as it was answered', async () => {
    await rig.finish();
    const verdicts = [
      rig.judge('1', await readPostgres(database, 'rows')),
      rig.judge('1', await readDuckDb(join(rig.server.folder, 'warehouse.duckdb'), 'rows')),
      rig.judge('2', await readPostgres(database, 'small')),
      rig.judge('3', await readPostgres(otherDatabase, 'rows')),
    ];
    expect(rig.refused, 'requests that were not answered 200').to.equal(0);
    for (const verdict of verdicts) board.add('rows held against the answers', verdict.rows, verdict);
    board.print();
  });
});
