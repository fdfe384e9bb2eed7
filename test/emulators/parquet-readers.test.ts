import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { instantiate, makeBatch, makeRow, uglyJson } from 'hookline/conformance';
import type { Row } from 'hookline/plugin';
import plugin from '../../connectors/parquet/index.js';
import { placeOf } from '../../connectors/parquet/place.js';
import { fromPyPI } from '../support/foreign.js';
import { duckdb, filesOf, quoted } from '../support/lake.js';

const run = promisify(execFile);
const never = new AbortController().signal;

/** A row as each reader prints it, a line of JSON for each: texts and bytes in base64, the time as its 64 bits. */
type Seen = Readonly<Record<'id' | 'time' | 'key' | 'body' | 'dt' | 'hour', string>>;

const pyarrow = `
import base64, json, struct, sys
import pyarrow as pa, pyarrow.dataset as ds
lake = ds.dataset(sys.argv[1], format='parquet', partitioning='hive')
names = ['__kdd_request_id', '__kdd_request_unix_timestamp', '__kdd_requester_key', '__kdd_request_body']
assert [str(lake.schema.field(name).type) for name in names] == ['string', 'double', 'string', 'string'], lake.schema
table = lake.to_table()
body = table['__kdd_request_body'].cast(pa.large_binary()).to_pylist()
for n, row in enumerate(table.drop_columns(['__kdd_request_body']).to_pylist()):
    bits = struct.unpack('<Q', struct.pack('<d', row['__kdd_request_unix_timestamp']))[0]
    print(json.dumps({'id': row['__kdd_request_id'], 'time': str(bits), 'key': row['__kdd_requester_key'],
        'body': base64.b64encode(body[n]).decode(), 'dt': str(row['dt']), 'hour': str(row['hour'])}))
`;

const clickhouse = `
import sys
import chdb
print(chdb.query("""
SELECT __kdd_request_id AS id, toString(reinterpretAsUInt64(__kdd_request_unix_timestamp)) AS time,
       __kdd_requester_key AS key, base64Encode(__kdd_request_body) AS body, toString(dt) AS dt, toString(hour) AS hour
  FROM file('%s/*/*/*.parquet', Parquet)
 SETTINGS use_hive_partitioning = 1""" % sys.argv[1], 'JSONEachRow'))
`;

describe('a lake of Parquet files', () => {
  let folder: string;
  let python: string;
  const table = 'hooks';
  const rows: Row[] = [];

  before(async function () {
    this.timeout(600_000);
    folder = await mkdtemp(join(tmpdir(), 'hookline-lake-'));
    python = join(await fromPyPI('pyarrow==26.0.1', 'chdb==4.4.0', 'chdb-core==26.9.0'), 'python');
    const examples = createRequire(import.meta.url)('@octokit/webhooks-examples') as readonly {
      readonly examples: readonly unknown[];
    }[];
    const bodies = [
      ...uglyJson.map(({ body }) => body),
      ...examples.flatMap((hook) => hook.examples.map((example) => Buffer.from(JSON.stringify(example)))),
    ];
    const lake = instantiate(plugin, { path: folder });
    await lake.open(never);
    const [hours, perBatch] = [4, 20];
    for (let from = 0; from < bodies.length; from += perBatch) {
      const hour = 1.7e9 - 800 + 3600 * ((from / perBatch) % hours);
      const batch = bodies
        .slice(from, from + perBatch)
        .map((body) => makeRow(body, hour + Math.random() * 3599));
      await lake.write(makeBatch(table, batch), never);
      rows.push(...batch);
      // Half of the files are merged ones.
      if (from === perBatch * 8) await lake.compact?.(table, false, never);
    }
    await lake.close();
    const files = await filesOf(join(folder, table));
    expect(files.filter((name) => name.includes('merged-'))).to.have.length(hours);
    expect(files.length).to.be.greaterThan(2 * hours);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const expectAll = (seen: readonly Seen[]) => {
    const found = new Map(seen.map((row) => [row.id, row]));
    expect(seen).to.have.length(rows.length);
    for (const row of rows) {
      const [, dt = '', hour = ''] = /^dt=(.*)\/hour=(.*)$/.exec(placeOf(row.timestamp)) ?? [];
      const bits = Buffer.alloc(8);
      bits.writeDoubleLE(row.timestamp);
      expect({ ...found.get(row.requestId) }).to.deep.equal({
        id: row.requestId,
        time: String(bits.readBigUInt64LE()),
        key: row.key,
        body: Buffer.from(row.body).toString('base64'),
        dt,
        hour: String(Number(hour)),
      });
    }
  };
  const lines = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Seen);

  it('is read by DuckDB, byte for byte and with its partitions', async () => {
    const found = await duckdb(
      `SELECT __kdd_request_id, __kdd_request_unix_timestamp, __kdd_requester_key,
              base64(encode(__kdd_request_body)), dt, hour
         FROM read_parquet(${quoted(`${folder}/${table}/*/*/*.parquet`)}, hive_partitioning = true)`,
    );
    const seen = found.map(([id, time, key, body, dt, hour]) => {
      const bits = Buffer.alloc(8);
      bits.writeDoubleLE(Number(time));
      const bits64 = String(bits.readBigUInt64LE());
      return { id, time: bits64, key, body, dt: String(dt), hour: String(Number(hour)) } as Seen;
    });
    expectAll(seen);
  });

  it('is read by pyarrow, byte for byte and with its partitions', async () => {
    const { stdout } = await run(python, ['-c', pyarrow, join(folder, table)], { maxBuffer: 2 ** 30 });
    expectAll(lines(stdout));
  }).timeout(60_000);

  it('is read by ClickHouse (the engine as a Python package), byte for byte and with its partitions', async () => {
    const { stdout } = await run(python, ['-c', clickhouse, join(folder, table)], { maxBuffer: 2 ** 30 });
    expectAll(lines(stdout));
  }).timeout(60_000);
});
