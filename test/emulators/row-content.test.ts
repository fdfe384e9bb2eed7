import { expect } from 'chai';
import type { LaneOverview } from '../../server/overview.js';
import { TestClickhouse } from '../support/clickhouse.js';
import { eventually, Hookline } from '../support/hookline.js';
import { TestMariadb } from '../support/mariadb.js';

/** In every body, and nowhere else. */
const word = 'unspeakable';

const refuse = (signal: string) =>
  `BEFORE INSERT ON %s FOR EACH ROW BEGIN DECLARE said text;
     SET said = LEFT(NEW.__kdd_request_body, 100); SIGNAL SQLSTATE ${signal}; END`;

/** What each table of MariaDB says of a row that it refuses; all of it quotes the row. */
const tables: Readonly<Record<string, readonly string[]>> = {
  raised: [`CREATE TRIGGER raising ${refuse("'45000' SET MESSAGE_TEXT = said").replace('%s', 'raised')}`],
  retried: [
    `CREATE TRIGGER retrying ${refuse("'HY000' SET MESSAGE_TEXT = said, MYSQL_ERRNO = 1205").replace('%s', 'retried')}`,
  ],
  computed: ['ALTER TABLE computed ADD n int AS (CAST(__kdd_request_body AS SIGNED)) PERSISTENT'],
  doubled: ['ALTER TABLE doubled ADD first varchar(20) AS (LEFT(__kdd_request_body, 20)) PERSISTENT UNIQUE'],
};

/** A whole server, with warehouses that quote the rows that they refuse wherever they can. */
describe('what a warehouse says of a row', function () {
  this.timeout(180_000);
  let mariadb: TestMariadb;
  let clickhouse: TestClickhouse;
  let server: Hookline;

  before(async () => {
    mariadb = await TestMariadb.start();
    clickhouse = await TestClickhouse.start();
    const pipelines = [
      ...Object.keys(tables).map((table) => ({ destination: 'maria', table })),
      { destination: 'house', table: 'parsed' },
    ];
    const destinations = {
      maria: { type: 'mysql', url: mariadb.url, flush: { every: '50ms' } },
      house: {
        type: 'clickhouse',
        url: clickhouse.url,
        engine: "ReplicatedMergeTree('/rows/{table}', 'one')",
        flush: { every: '50ms' },
      },
    };
    const numbered = Object.fromEntries(pipelines.map((pipeline, at) => [at + 1, pipeline]));
    server = await Hookline.create(
      `destinations: ${JSON.stringify(destinations)}\npipelines: ${JSON.stringify(numbered)}\n`,
    );
  });
  after(async () => {
    await server?.destroy();
    await clickhouse?.destroy();
    await mariadb?.destroy();
  });

  it('is in no log, no reason of a dead letter, no state of a lane, and nothing that check prints', async () => {
    const columns = (text: string, float: string) =>
      `__kdd_request_id ${text}, __kdd_request_unix_timestamp ${float}, __kdd_requester_key ${text}, __kdd_request_body ${text}`;
    for (const [table, statements] of Object.entries(tables)) {
      await mariadb.sql(`CREATE TABLE ${table} (${columns('longtext CHARACTER SET utf8mb4', 'double')})`);
      for (const statement of statements) await mariadb.sql(statement);
    }
    await clickhouse.sql(
      `CREATE TABLE parsed (${columns('String', 'Float64')}, n UInt64 DEFAULT toUInt64(__kdd_request_body))
       ENGINE = ReplicatedMergeTree('/rows/parsed', 'one') ORDER BY __kdd_request_id`,
    );
    await server.start();
    const { urls } = await server.token();
    for (const url of Object.values(urls)) {
      for (let n = 0; n < 3; n++) await server.post(url, JSON.stringify(`${word} ${word} ${word} ${n}`));
    }
    await eventually(
      'each lane has said what is wrong',
      async () => {
        const lanes = await server.json<LaneOverview[]>('pipelines');
        const told = lanes.filter(({ lastError, deadLetters }) => lastError !== undefined || deadLetters > 0);
        return told.length === Object.keys(urls).length || undefined;
      },
      60_000,
    );
    const commands = [
      ['pipelines'],
      ['pipelines', '--json'],
      ['dead', 'list'],
      ['dead', 'list', '--json'],
      ['check'],
    ];
    const printed = await Promise.all(commands.map((args) => server.cli(...args)));
    await server.stop();
    for (const text of [server.output, ...printed.flatMap(({ stdout, stderr }) => [stdout, stderr])]) {
      expect(text).to.not.include(word);
    }
  });
});
