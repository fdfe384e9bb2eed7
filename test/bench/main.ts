import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Hookline } from '../support/hookline.js';
import { startPostgres } from '../support/postgres.js';
import { findGenerator, type LoadResult } from './load.js';

/**
 * What Hookline costs, side by side in one run. The ratios are what counts: the figures themselves
 * depend on the machine, which the load generator shares.
 */
const rounds = Number(process.env['ROUNDS'] ?? 3);
const seconds = Number(process.env['SECONDS'] ?? 5);
const connections = 64;

const print = (text: string) => process.stdout.write(`${text}\n`);
const thousand = (value: number) => Math.round(value).toLocaleString('en-US').padStart(7);

print(
  `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.version}`,
);
const { name: generator, load } = await findGenerator();
print(`load by ${generator}, on the same cores`);
print(`0.5 KB bodies, ${connections} connections, ${rounds} rounds of ${seconds} s; medians\n`);

const noop = fork(fileURLToPath(new URL('./noop.js', import.meta.url)));
const [port] = (await once(noop, 'message')) as [number];
const noopUrl = `http://127.0.0.1:${port}/`;
const ceiling = await acks();
await landing(ceiling);
noop.disconnect();

/** Durable acks beside the no-op server; the pipeline is paused, so that nothing is loaded meanwhile. */
async function acks(): Promise<number> {
  const server = await Hookline.create(`destinations:
  out: { type: memory }
pipelines:
  1: { destination: out, table: bench, paused: true }
`);
  await server.start();
  const { urls } = await server.token();
  const results: { noop: LoadResult[]; acks: LoadResult[] } = { noop: [], acks: [] };
  await load(noopUrl, connections, 2);
  await load(urls['1'] as string, connections, 2);
  for (let round = 0; round < rounds; round++) {
    results.noop.push(await load(noopUrl, connections, seconds));
    results.acks.push(await load(urls['1'] as string, connections, seconds));
  }
  await server.destroy();
  show('no-op node:http', results.noop);
  show('durable acks', results.acks);
  const ratio = median(results.acks.map(({ rate }) => rate)) / median(results.noop.map(({ rate }) => rate));
  print(`durable acks / no-op       ${ratio.toFixed(2)}\n`);
  return median(results.noop.map(({ rate }) => rate));
}

/** Acks and landing in Postgres together, as fast as it goes; the lag must not grow. */
async function landing(noopRate: number): Promise<void> {
  const postgres = await startPostgres();
  const database = await postgres.createDatabase();
  const server = await Hookline.create(
    `destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}" }
pipelines:
  1: { destination: warehouse, table: bench }
`,
    { env: { DATABASE_URL: database } },
  );
  await server.start();
  const { urls } = await server.token();
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  await load(urls['1'] as string, connections, 2);
  await server.cli('drain');
  const landed = async () =>
    Number(
      (await client.query('SELECT coalesce(sum(rows), 0) AS rows FROM __hookline_batches')).rows[0].rows,
    );

  const lags: number[] = [];
  const before = await landed();
  const begun = Date.now();
  const watch = setInterval(async () => {
    const response = await fetch(`${server.adminUrl}/api/pipelines`).catch(() => undefined);
    const [lane] = ((await response?.json()) ?? []) as { lag: number }[];
    // A look that was not answered says nothing of the lag.
    if (lane !== undefined) lags.push(lane.lag);
  }, 1000);
  const result = await load(urls['1'] as string, connections, seconds * rounds);
  const during = ((await landed()) - before) / ((Date.now() - begun) / 1000);
  clearInterval(watch);
  await client.end();
  await server.destroy();
  await postgres.destroy();

  const half = Math.floor(lags.length / 2);
  show('acks while landing', [result]);
  print(`landed in Postgres         ${thousand(during)} rows/s`);
  print(`landed / no-op             ${(during / noopRate).toFixed(2)}`);
  print(`landed / acked             ${(during / result.rate).toFixed(2)}`);
  print(
    `lag, first and second half ${median(lags.slice(0, half)).toFixed(1)} s, ${median(lags.slice(half)).toFixed(1)} s`,
  );
}

function show(name: string, results: readonly LoadResult[]): void {
  const of = (pick: (result: LoadResult) => number) => median(results.map(pick));
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  print(
    `${name.padEnd(26)} ${thousand(of(({ rate }) => rate))} /s   p50 ${of(({ p50 }) => p50).toFixed(2)} ms   p99 ${of(({ p99 }) => p99).toFixed(2)} ms` +
      (failed === 0 ? '' : `   ${failed} FAILED`),
  );
  if (failed > 0) process.exitCode = 1;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
