import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'chai';
import { makeRow, uglyJson } from 'hookline/conformance';
import type { Row } from 'hookline/plugin';
import { writeCsv } from '../../../connectors/snowflake/csv.js';

const never = new AbortController().signal;

describe('the files that snowflake is given', function () {
  this.timeout(60_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-csv-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** As DuckDB reads them: the timestamp as a float64, the rest as texts. */
  const read = async (files: readonly string[]): Promise<Row[]> => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const list = files.map((file) => `'${join(folder, file)}'`).join(', ');
    const reader = await connection.runAndReadAll(
      `SELECT * FROM read_csv([${list}], auto_detect = false, header = false, delim = ',', quote = '"',
         escape = '"', new_line = '\\n', compression = 'gzip', max_line_size = 100000000,
         buffer_size = 200000000, parallel = false,
         columns = {id: 'VARCHAR', seconds: 'DOUBLE', key: 'VARCHAR', body: 'VARCHAR'})`,
    );
    connection.closeSync();
    return reader.getRows().map(([requestId, timestamp, key, body]) => ({
      requestId: String(requestId),
      timestamp: timestamp as number,
      key: String(key),
      body: Buffer.from(String(body)),
    }));
  };

  it('are read by DuckDB byte for byte and bit for bit, with every ugly JSON text', async () => {
    const times = [0, 5e-324, Number.MAX_VALUE, 1577015690.3118637, 0.1 + 0.2, 2 ** 53 + 2];
    const rows = [
      ...uglyJson.map(({ body }) => makeRow(body)),
      ...times.map((timestamp) => makeRow('1', timestamp)),
      ...Array.from({ length: 1000 }, () => makeRow('1', 1.5e9 + Math.random() * 1e9)),
    ];
    const files = await writeCsv(rows, folder, never);
    const found = await read(files);
    expect(found).to.have.length(rows.length);
    for (const [at, row] of rows.entries()) {
      const other = found[at] as Row;
      expect(other.requestId).to.equal(row.requestId);
      expect(Object.is(other.timestamp, row.timestamp)).to.equal(true);
      expect(Buffer.compare(other.body, row.body)).to.equal(0);
    }
  });

  it('end after 32 MiB, and no row is divided', async () => {
    const body = `"${'x'.repeat(10 * 1024 ** 2 - 2)}"`;
    const rows = Array.from({ length: 8 }, () => makeRow(body));
    const files = await writeCsv(rows, folder, never);
    expect(files).to.deep.equal(['0.csv.gz', '1.csv.gz', '2.csv.gz']);
    expect((await read(files)).map(({ requestId }) => requestId)).to.deep.equal(
      rows.map(({ requestId }) => requestId),
    );
  });

  it('can be read by their owner alone', async () => {
    const [file = ''] = await writeCsv([makeRow()], folder, never);
    expect((await stat(join(folder, file))).mode & 0o777).to.equal(0o600);
  });

  it('are given up when the signal fires', async () => {
    const rows = Array.from({ length: 2000 }, () => makeRow(`"${'x'.repeat(50_000)}"`));
    const writing = writeCsv(rows, folder, AbortSignal.timeout(5));
    expect(await writing.catch((error: Error) => error.name)).to.equal('AbortError');
    expect(await readdir(folder)).to.have.length.below(4);
  });
});
