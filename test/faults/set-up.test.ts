import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import type { FoundRow } from '../support/ack-log.js';
import { Scoreboard, sized } from '../support/attack.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { readDuckDb, readPostgres } from '../support/readers.js';
import { Rig } from '../support/rig.js';

const rounds = sized(1, 2);
const board = new Scoreboard('set-ups that someone broke, under load');

const column = '__kdd_request_unix_timestamp';

/** What someone does to a role or to a table of its own, how it is undone, and what the halted lane says. */
const faults = [
  {
    name: 'password',
    what: 'passwords revoked',
    break: "ALTER ROLE $ PASSWORD 'another'",
    mend: "ALTER ROLE $ PASSWORD 'secret'",
    says: [/28P01/, /check user and password/],
  },
  {
    name: 'grant',
    what: 'grants removed',
    break: 'REVOKE INSERT ON $.rows FROM $',
    mend: 'GRANT INSERT ON $.rows TO $',
    says: [/no right to INSERT on "grant"\."rows"/, /run: GRANT INSERT ON "grant"\."rows" TO "grant";/],
  },
  {
    name: 'ledger',
    what: 'grants on the ledger removed',
    break: 'REVOKE INSERT ON $.__hookline_batches FROM $',
    mend: 'GRANT INSERT ON $.__hookline_batches TO $',
    says: [/run: GRANT INSERT ON "ledger"\."__hookline_batches" TO ledger;/],
  },
  {
    name: 'type',
    what: 'columns of another type, though the same bytes would fit it',
    break: `ALTER TABLE $.rows ADD was float8; UPDATE $.rows SET was = ${column};
      ALTER TABLE $.rows ALTER ${column} TYPE bigint USING 0`,
    mend: `ALTER TABLE $.rows ALTER ${column} TYPE float8 USING was; ALTER TABLE $.rows DROP was`,
    says: [
      /"type"\."rows" has another shape/,
      /__kdd_request_unix_timestamp is bigint, not double precision/,
    ],
  },
  {
    name: 'short',
    what: 'columns that became too short',
    break: `ALTER TABLE $.rows ADD was text; UPDATE $.rows SET was = __kdd_request_body;
      ALTER TABLE $.rows ALTER __kdd_request_body TYPE varchar(20) USING left(__kdd_request_body, 20)`,
    mend: 'ALTER TABLE $.rows ALTER __kdd_request_body TYPE text USING was; ALTER TABLE $.rows DROP was',
    says: [/__kdd_request_body is character varying\(20\), not text/, /expected \(.*found \(/],
  },
  {
    name: 'mandatory',
    what: 'columns added that are NOT NULL',
    break:
      'ALTER TABLE $.rows ADD tenant int NOT NULL DEFAULT 0; ALTER TABLE $.rows ALTER tenant DROP DEFAULT',
    mend: 'ALTER TABLE $.rows DROP tenant',
    says: [/tenant is NOT NULL without a default/],
  },
  {
    name: 'removed',
    what: 'columns removed',
    break: 'ALTER TABLE $.rows RENAME __kdd_requester_key TO key',
    mend: 'ALTER TABLE $.rows RENAME key TO __kdd_requester_key',
    says: [/__kdd_requester_key is missing/],
  },
] as const;

const names = [...faults.map(({ name }) => name), 'dropped'];
const quoted = (text: string, name: string) => text.replaceAll('$', `"${name}"`);

/** Each role has a schema, a destination and a pipeline of its own; DuckDB gets the rows of all. */
function configuration(url: string): string {
  const destinations = names.map((name) => {
    const own = new URL(url);
    Object.assign(own, { username: name, password: 'secret' });
    const options = {
      type: 'postgres',
      url: own.href,
      schema: name,
      connections: 2,
      flush: { every: '50ms' },
    };
    return [name, options] as const;
  });
  const local = { type: 'duckdb', path: './warehouse.duckdb', flush: { every: '200ms' } };
  const all = Object.fromEntries([...destinations, ['local', local]]);
  const pipelines = Object.fromEntries(
    names.map((name, index) => [
      index + 1,
      { destination: name === 'dropped' ? [name, 'local'] : name, table: 'rows' },
    ]),
  );
  return `destinations: ${JSON.stringify(all)}\npipelines: ${JSON.stringify(pipelines)}\n`;
}

describe('while set-ups are broken under load, their lanes halt and say what to do, and no row is lost, doubled or dead', function () {
  this.timeout(240_000);
  let postgres: TestPostgres;
  let database: string;
  let rig: Rig;
  /** What the table held that someone dropped. */
  const dropped: FoundRow[] = [];

  const pipelineOf = (name: string) => String(names.indexOf(name) + 1);
  const laneOf = (name: string) => [pipelineOf(name), name] as const;
  const sql = (text: string) => postgres.sql(database, text);

  before(async () => {
    postgres = await startPostgres();
    database = await postgres.createDatabase();
    for (const name of names) {
      await sql(quoted("CREATE ROLE $ LOGIN PASSWORD 'secret'; CREATE SCHEMA $ AUTHORIZATION $", name));
    }
    rig = await Rig.start(configuration(database));
    for (const name of names) rig.send(pipelineOf(name), 2, 1, 10);
    for (const name of names) await rig.lands(...laneOf(name));
  });

  after(async () => {
    await rig?.destroy();
    await postgres?.destroy();
  });

  /** What the table holds at the moment in which it goes. */
  async function takeAndDrop(): Promise<FoundRow[]> {
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    try {
      await client.query('BEGIN; LOCK TABLE dropped.rows IN ACCESS EXCLUSIVE MODE');
      const { rows } = await client.query<{ id: string; time: number; key: string; body: string }>(
        `SELECT __kdd_request_id AS id, ${column} AS time, __kdd_requester_key AS key,
                __kdd_request_body AS body FROM dropped.rows`,
      );
      await client.query('DROP TABLE dropped.rows; COMMIT');
      return rows.map(({ id, time, key, body }) => ({
        requestId: id,
        timestamp: time,
        key,
        body: Buffer.from(body),
      }));
    } finally {
      await client.end();
    }
  }

  async function breakAll(): Promise<void> {
    await Promise.all(
      faults.map(async ({ name, break: text }) => {
        await sql(quoted(text, name));
        // A password is only asked for when somebody connects.
        await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${name}'`);
      }),
    );
    for (const { name, says } of faults) await rig.is(laneOf(name), 'halted', says, 20_000);
  }

  async function mendAll(): Promise<void> {
    await Promise.all(faults.map(({ name, mend }) => sql(quoted(mend, name))));
  }

  async function expectMended(timeout: number): Promise<void> {
    for (const { name } of faults) await rig.is(laneOf(name), 'running', [], timeout);
    for (const { name, what } of faults) {
      await rig.lands(...laneOf(name));
      board.add(what, 1);
    }
    expect(rig.refused).to.equal(0);
  }

  it('halts all of them and none else, and `hookline check` says the same', async () => {
    await breakAll();
    await rig.lands(...laneOf('dropped'));
    await rig.lands(pipelineOf('dropped'), 'local');
    const { code, stdout } = await rig.server.cli('check');
    expect(code).to.equal(78);
    for (const { says } of faults) for (const part of says) expect(stdout).to.match(part);
  });

  it('resumes at once when `hookline check` finds them mended', async () => {
    const acked = rig.acked;
    await mendAll();
    expect((await rig.server.cli('check')).code).to.equal(0);
    await expectMended(10_000);
    expect(rig.acked).to.be.greaterThan(acked);
  });

  for (let round = 1; round < rounds; round++) {
    it('resumes by itself within a minute or so', async () => {
      await breakAll();
      await mendAll();
      await expectMended(75_000);
    });
  }

  it('makes a table again that was dropped, and goes on without halting', async () => {
    for (let round = 0; round < rounds; round++) {
      dropped.push(...(await takeAndDrop()));
      await rig.lands(...laneOf('dropped'));
      board.add('tables dropped', 1);
    }
  });

  it('holds every row of every lane once, as it was answered', async () => {
    await rig.finish();
    for (const name of names) {
      const url = new URL(database);
      url.searchParams.set('options', `-c search_path="${name}"`);
      const rows = await readPostgres(url.href, 'rows');
      const all = name === 'dropped' ? [...dropped, ...rows] : rows;
      const verdict = rig.judge(pipelineOf(name), all);
      board.add('rows held against the answers', verdict.rows, verdict);
    }
    const local = await readDuckDb(join(rig.server.folder, 'warehouse.duckdb'), 'rows');
    const verdict = rig.judge(pipelineOf('dropped'), local);
    board.add('rows held against the answers', verdict.rows, verdict);
    board.print();
  });
});
