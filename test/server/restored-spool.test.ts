import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually, Hookline } from '../support/hookline.js';

type Rows = readonly Record<string, unknown>[];

const flush = 'releaseAfter: 100ms, flush: { every: 20ms }';
const configuration = `destinations:
  local: { type: duckdb, path: ./local.duckdb, ${flush} }
  same: { type: duckdb, path: ./local.duckdb, ${flush} }
  other: { type: duckdb, path: ./other.duckdb, ${flush} }
  lake: { type: parquet, path: ./lake, flush: { every: 20ms } }
pipelines:
  1: { destination: local, table: one }
  2: { destination: other, table: two }
  3: { destination: same, table: three }
  4: { destination: lake, table: four }
`;

describe('a spool that was restored from a backup', function () {
  this.timeout(180_000);
  let server: Hookline;

  before(async () => {
    server = await Hookline.create(configuration);
  });
  after(() => server.destroy());

  const path = (name: string) => join(server.folder, name);
  const laneOf = async (pipeline: string) => {
    const lanes = (await (await server.admin('/api/pipelines')).json()) as Rows;
    return lanes.find((lane) => lane['pipeline'] === pipeline);
  };
  const drained = (pipeline: string) =>
    eventually('it has landed', async () => {
      const lane = await laneOf(pipeline);
      return (lane?.['records'] === 0 && lane['state'] === 'running') || undefined;
    });
  const count = async (destination: string, table: string) =>
    Number(
      (
        await server.cli('query', `SELECT count(*) FROM ${table}`, '--destination', destination, '--json')
      ).stdout.match(/\d+/)?.[0],
    );

  it('lands nothing where a later one was, until it is accepted; all else goes on', async () => {
    const { urls } = await server.token();
    const post = async (pipeline: string, times = 1) => {
      for (let n = 0; n < times; n++) {
        expect((await server.post(String(urls[pipeline]), '"x"')).status).to.equal(200);
        await drained(pipeline);
      }
    };
    await server.start();
    await post('1');
    await post('3');
    expect(await server.stop()).to.equal(0);
    await cp(path('data/spool'), path('backup'), { recursive: true });
    await server.start();
    await post('1', 2);
    expect(await server.stop()).to.equal(0);
    await rm(path('data/spool'), { recursive: true });
    await cp(path('backup'), path('data/spool'), { recursive: true });

    const says = /restored from a backup or copied.*hookline spool accept local/;
    const checked = await server.cli('check');
    expect([checked.code, checked.stdout]).to.satisfy(
      ([code, text]: [number, string]) =>
        code === 78 && says.test(text) && /ok .*destination other/.test(text),
      checked.stdout,
    );
    await server.start();
    const untilHalted = (pipeline = '1') =>
      eventually('it is halted', async () => {
        const lane = await laneOf(pipeline);
        return (
          (lane?.['state'] === 'halted' && /restored from a backup/.test(String(lane['lastError']))) ||
          undefined
        );
      });
    await untilHalted();
    expect((await server.post(String(urls['1']), '"y"')).status).to.equal(200);
    // The others raise the serial beyond what the ledger has seen.
    await post('2', 4);
    await post('4');
    await server.killAll();
    await server.start();
    await untilHalted();
    expect(await laneOf('1')).to.include({ records: 1 });
    await untilHalted('3');
    expect((await server.cli('check')).code, 'check of a running server').to.equal(78);

    expect((await server.cli('spool', 'accept', 'local')).stdout).to.match(/^accepted: /);
    expect((await server.cli('spool', 'accept', 'other')).stdout).to.match(/nothing to accept/);
    await drained('1');
    expect(await count('local', 'one')).to.equal(4);
    expect((await server.cli('spool', 'accept', 'same')).code).to.equal(0);
    await post('3');
    const untold = await server.cli('spool', 'accept', 'lake');
    expect([untold.code, untold.stdout]).to.deep.equal([2, '']);
    expect(untold.stderr).to.match(/lake does not note where its batches are from/);
    const explained = await server.cli('explain', '4');
    expect(explained.stdout.replace(/\s+/g, ' ')).to.match(
      /In lake, nothing tells a spool that was restored/,
    );
  });
});
