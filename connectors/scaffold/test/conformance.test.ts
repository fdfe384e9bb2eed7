import assert from 'node:assert';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  absent,
  type DestinationSubject,
  destinationClaims,
  instantiate,
  refused,
  TestDestinations,
} from 'hookline/conformance';
import { type ChartRow, fromChartRow, instructionOf, type Row } from 'hookline/plugin';
import plugin from '../src/index.js';

let folder: string;

const make = (options: object = { folder }) => instantiate(plugin, options);

/** How the suite makes, reads and breaks the destination. Whatever it cannot do is said to be absent. */
const subject: DestinationSubject = {
  make,
  rows: readTable,
  describe: async () => {
    const files = await readdir(folder, { recursive: true });
    return files.filter((file) => !file.endsWith('.draft')).sort();
  },
  tables: absent('a table is a folder, and has no shape'),
  refused: absent('a file takes every row'),
  limits: { body: 10 * 1024 ** 2, rows: 10_000, bytes: 16 * 1024 ** 2 },
  process: () => ({
    module: new URL('../src/index.js', import.meta.url).href,
    plugin: plugin.name,
    options: { folder },
  }),
  misconfigured: {
    'wrong credentials': absent('a folder has none'),
    'missing database': () => make({ folder: join(folder, 'nowhere') }),
    'missing grant': process.getuid?.() === 0 ? absent('root may write everywhere') : makeReadOnly,
  },
  outage: absent('there is no connection to cut'),
  secrets: () => [],
};

async function makeReadOnly(table: string) {
  await mkdir(join(folder, table), { recursive: true });
  await chmod(join(folder, table), 0o500);
  return make();
}

/** Without the destination, so that both would have to be wrong in the same way. */
async function readTable(table: string): Promise<Row[]> {
  const ledger = join(folder, table, 'ledger');
  const rows: Row[] = [];
  for (const name of (await readdir(ledger)).filter((name) => name.endsWith('.json'))) {
    const { file, from, to } = JSON.parse(await readFile(join(ledger, name), 'utf8'));
    const bytes = (await readFile(join(folder, table, file))).subarray(from, to);
    const lines = bytes.toString().trimEnd().split('\n');
    rows.push(...lines.map((line) => fromChartRow(JSON.parse(line) as ChartRow)));
  }
  return rows;
}

describe('the destination my-warehouse', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'my-warehouse-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const claim of destinationClaims(subject)) it(claim.name, claim.run).timeout(120_000);

  const destinations = new TestDestinations(plugin, () => ({ folder }));
  afterEach(() => destinations.close());

  it('refuses a name that is none of a folder, and says what to do', async () => {
    const error = await refused(destinations.ready('../outside'));
    assert.strictEqual(instructionOf(error), 'config');
    assert.match(error.message, /use 1 to 200 letters/);
  });
});
