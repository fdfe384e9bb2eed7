import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { body, type Generator } from './load.js';
import { median, type Report } from './report.js';
import type { Extent, Scenario } from './scenario.js';
import { watchMemory } from './usage.js';
import { type OnePipeline, Warehouse } from './warehouse.js';

const run = promisify(execFile);

/** What a batch has by default. */
const batchRows = 10_000;

/** A backlog, as after an outage of the warehouse. */
export const draining: Scenario = {
  name: 'draining',
  about: 'a backlog into the warehouse, beside its own loading of the same rows from a file',
  async run(report, extent, load) {
    await drain('postgres', report, extent, load);
    await drain('duckdb', report, extent, load);
  },
};

async function drain(
  kind: 'postgres' | 'duckdb',
  report: Report,
  extent: Extent,
  load: Generator,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-bench-'));
  await chmod(folder, 0o777);
  const warehouse = await Warehouse.create(kind);
  const drained: number[] = [];
  const copied: number[] = [];
  const inBatches: number[] = [];
  try {
    const { urls } = await warehouse.server.token();
    await prove(warehouse, urls['1'] as string);
    const backlog = extent.short ? 100_000 : 1_000_000;
    for (let round = 0; round < extent.rounds; round++) {
      await fill(warehouse, urls['1'] as string, backlog, load);
      drained.push(await drainOnce(warehouse, round === 0 ? report : undefined));
      if (kind === 'postgres') {
        copied.push(await copyPostgres(warehouse, folder));
      } else {
        copied.push(await copyDuckDb(warehouse, folder));
        inBatches.push(await copyInBatches(warehouse, folder));
        await warehouse.duckdb('DELETE FROM bench; CHECKPOINT');
      }
    }
  } finally {
    await warehouse.destroy();
    await rm(folder, { recursive: true });
  }
  const ours = report.figure(`${kind}: drained`, median(drained), 'rows/s');
  const own = kind === 'postgres' ? 'psql \\copy' : 'its own INSERT from a CSV file';
  const theirs = report.figure(`${kind}: ${own}`, median(copied), 'rows/s');
  report.ratio(`${kind}: drained / ${own}`, ours / theirs, kind === 'postgres' ? 1 : 0.5);
  if (inBatches.length === 0) return;
  const batches = `its own INSERTs, ${batchRows.toLocaleString('en-US')} rows each`;
  const durable = report.figure(`${kind}: ${batches}`, median(inBatches), 'rows/s');
  report.ratio(`${kind}: drained / ${batches}`, ours / durable);
}

/** A sender whose token was never found to be good has but a part of the spool: seven million of these records. */
export async function prove({ server }: OnePipeline, url: string): Promise<void> {
  await server.start();
  await fetch(url, { method: 'POST', body });
  // An ack worker asks about a sender within a second, and is told within another.
  await sleep(4000);
  await server.cli('drain');
  await server.stop();
}

/** Leaves at least so many records in the spool, with no server running. */
export async function fill(
  warehouse: OnePipeline,
  url: string | readonly string[],
  records: number,
  load: Generator,
  what = body,
): Promise<void> {
  const { server } = warehouse;
  await server.start('--role', 'ack,admin');
  while ((await warehouse.waiting()).records < records) await load(url, 64, 2, what);
  await server.stop();
}

/**
 * From the first rows that have landed to the last: rows a second. The start is not what is measured.
 *
 * @param report is told of the memory
 * @param what whose memory it is, as the report has it
 */
export async function drainOnce(
  warehouse: OnePipeline,
  report?: Report,
  what: string = warehouse.kind,
): Promise<number> {
  const { server } = warehouse;
  await server.start('--role', 'load,admin');
  const watch = await watchMemory(server);
  let from = 0;
  for (; from === 0; await sleep(20)) from = await warehouse.landed();
  const since = performance.now();
  // Whoever asks takes a part of the machine: seldom, until it is nearly done.
  for (let waiting = 1; waiting > 0; await sleep(waiting > 50_000 ? 200 : 20)) {
    waiting = (await warehouse.waiting()).records;
  }
  const rate = ((await warehouse.landed()) - from) / ((performance.now() - since) / 1000);
  const memory = watch();
  if (report !== undefined) memory(report, what);
  await server.stop();
  return rate;
}

/** The rows that have just been drained go out into a file, and from there into a table of the same kind. */
async function copyPostgres(warehouse: Warehouse, folder: string): Promise<number> {
  const { database, postgres } = warehouse;
  const file = join(folder, 'rows.tsv');
  const psql = (sql: string) => run('psql', ['-v', 'ON_ERROR_STOP=1', '-qc', sql, database]);
  await psql(`\\copy bench TO '${file}'`);
  await postgres?.sql(database, 'DROP TABLE IF EXISTS copied');
  await postgres?.sql(database, 'CREATE TABLE copied (LIKE bench INCLUDING ALL)');
  await postgres?.sql(database, 'CHECKPOINT');
  const begun = performance.now();
  await psql(`\\copy copied FROM '${file}'`);
  const seconds = (performance.now() - begun) / 1000;
  const [found] =
    (await postgres?.sql<{ rows: number }>(database, 'SELECT count(*)::float8 AS rows FROM copied')) ?? [];
  await postgres?.sql(database, 'DROP TABLE copied');
  await postgres?.sql(database, 'TRUNCATE bench');
  await rm(file);
  return (found?.rows ?? 0) / seconds;
}

async function copyDuckDb(warehouse: Warehouse, folder: string): Promise<number> {
  const file = join(folder, 'rows.csv');
  await warehouse.duckdb(`COPY bench TO '${file}' (HEADER)`);
  const rate = await insertDuckDb(warehouse, `INSERT INTO copied FROM ${csv(file)}`);
  await rm(file);
  return rate;
}

/** As durable as a drain: each batch is committed before the next one. */
async function copyInBatches(warehouse: Warehouse, folder: string): Promise<number> {
  const files = join(folder, 'batches');
  await warehouse.duckdb(
    `COPY (SELECT *, (row_number() OVER () - 1) // ${batchRows} AS batch FROM bench) TO '${files}'
      (FORMAT csv, HEADER, PARTITION_BY (batch))`,
  );
  const names = await readdir(files);
  const statements = names.map((name) => `INSERT INTO copied FROM ${csv(join(files, name, '*.csv'))}`);
  const rate = await insertDuckDb(warehouse, statements.join(';'));
  await rm(files, { recursive: true });
  return rate;
}

function csv(file: string): string {
  return `read_csv('${file}', header = true, all_varchar = false, hive_partitioning = false)`;
}

async function insertDuckDb(warehouse: Warehouse, sql: string): Promise<number> {
  await warehouse.duckdb('CREATE OR REPLACE TABLE copied AS FROM bench LIMIT 0');
  const begun = performance.now();
  await warehouse.duckdb(sql);
  const seconds = (performance.now() - begun) / 1000;
  const [found] = await warehouse.duckdb('SELECT count(*)::float8 AS rows FROM copied');
  await warehouse.duckdb('DROP TABLE copied');
  return Number(found?.['rows'] ?? 0) / seconds;
}
