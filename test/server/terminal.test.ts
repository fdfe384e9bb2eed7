import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import { eventually, Hookline } from '../support/hookline.js';

const mainFile = fileURLToPath(new URL('../../server/main.js', import.meta.url));
const hostile = '\u009b2J\u009d0;title\u009c\u202e\u007f';
const controls = /[\u0080-\u009f\u007f\u202a-\u202e\u2066-\u2069]/;

describe('what senders wrote', function () {
  this.timeout(60_000);
  let server: Hookline;
  let discarded: string;

  before(async () => {
    server = await Hookline.create(`discards: { keep: 1h }
destinations:
  local: { type: duckdb, path: ./warehouse.duckdb, flush: { every: 50ms } }
  a_warehouse_that_has_a_long_name: { type: postgres, url: "postgres://me@127.0.0.1:9/base" }
pipelines:
  1: { destination: local, table: one }
  835212: { destination: a_warehouse_that_has_a_long_name, table: a_table_that_has_a_long_name }
`);
    const { urls, token } = await server.token();
    await server.start();
    const url = urls['1'] as string;
    const body = `{"c1":"${hostile}","c0":"\\u001b[31mred\\u0007"}`;
    await server.post(url, body);
    await server.post(url.replace(token, 'wrong'), body);
    expect((await server.cli('drain', '1')).code).to.equal(0);
    discarded = await eventually(
      'it is held',
      async () => (await server.json<{ requestId: string }[]>('discards', 'list', '--held'))[0]?.requestId,
    );
  });
  after(() => server.destroy());

  function onTerminal(...args: string[]): string {
    const command = [process.execPath, mainFile, ...args, '--config', server.configFile];
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    return spawnSync('script', ['-qec', `stty cols 80; ${quoted}`, '/dev/null'], {
      cwd: server.folder,
    }).stdout.toString();
  }

  it('has no effect on a terminal, by whatever command it is shown', () => {
    const query = `SELECT __kdd_request_body ->> 'c0', __kdd_request_body ->> 'c1' FROM one`;
    for (const args of [
      ['discards', 'show', discarded],
      ['rows', '1'],
      ['query', query],
    ]) {
      const told = onTerminal(...args);
      expect(told, args.join(' ')).to.include('\\u009b2J\\u009d0;title\\u009c\\u202e\\u007f');
      expect(told).not.to.match(controls);
      expect(
        told.replaceAll('\x1b[1m', '').replaceAll('\x1b[22m', ''),
        'but for our own bold',
      ).not.to.include('\x1b');
    }
    const [row] = JSON.parse(onTerminal('rows', '1', '--json')) as { __kdd_request_body: string }[];
    expect(row?.__kdd_request_body).to.include(hostile);
  });

  it('leaves the table of pipelines as wide as the terminal, with what is long below it', async () => {
    const told = await eventually('the lane has failed', async () => {
      const lines = onTerminal('pipelines').split('\r\n').map(stripVTControlCharacters);
      return lines.some((line) => line.includes('ECONNREFUSED')) ? lines : undefined;
    });
    expect(told[0]).to.match(/^PIPELINE +DEST.* +TABLE +STATE +WAITING +BYTES +LAG +DEAD +DISCARDED$/);
    expect(told[2]).to.match(/^835212 +a_ware.*… +a_table.*… +retrying /);
    expect(told).to.include(`one: ${server.webhookUrl}/?pipeline_id=1`);
    for (const line of told) expect(line).to.have.length.of.at.most(80);
  });

  it('is as it came where it is piped, and in JSON', async () => {
    expect((await server.cli('rows', '1')).stdout).to.include(hostile);
    expect((await server.cli('rows', '1', '--json')).stdout).to.include(hostile);
    const query = `SELECT __kdd_request_body ->> 'c0' FROM one`;
    expect((await server.cli('query', query)).stdout).to.equal('\x1b[31mred\x07\n');
  });
});
