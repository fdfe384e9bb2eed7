import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import plugins from '../../connectors/lmdb/index.js';
import { instantiate } from '../../core/conformance/index.js';
import { pluginOf } from '../../core/conformance/instantiate.js';
import { mint as mintToken } from '../../core/operations/mint.js';
import { eventually, Hookline } from '../support/hookline.js';
import { memoryOf } from '../support/process-usage.js';
import { fill, prove } from './draining.js';
import { body, type Generator } from './load.js';
import { median, type Report } from './report.js';
import { interleaved, showLoad } from './rounds.js';
import type { Extent, Scenario } from './scenario.js';
import { cpuByRole, roles, watchMemory } from './usage.js';
import { Warehouse } from './warehouse.js';

/** What much of everything costs: pipelines, tokens, a backlog. */
export const scale: Scenario = {
  name: 'scale',
  about: 'many pipelines, many tokens, a long backlog: throughput, start, memory, and CPU when nothing comes',
  async run(report, extent, load) {
    await pipelines(report, extent, load);
    await tokens(report, extent, load);
    for (const records of extent.short ? [10_000] : [10_000, 1_000_000, 10_000_000]) {
      await backlog(records, report, load);
    }
    await sdks(report);
  },
};

/** Milliseconds after the start, until V8 has collected what it left, in one process after the other. */
const settled = 60_000;

const count = (n: number) => n.toLocaleString('en-US');

function configurationOf(
  pipelines: number,
  destination = '{ type: duckdb, path: ./warehouse.duckdb }',
): string {
  const lines = Array.from(
    { length: pipelines },
    (_, n) => `  ${n + 1}: { destination: out, table: t${n % 50} }`,
  );
  return `destinations:\n  out: ${destination}\npipelines:\n${lines.join('\n')}\n`;
}

async function pipelines(report: Report, { rounds, seconds, short }: Extent, load: Generator): Promise<void> {
  const numbers = short ? [1, 1000] : [1, 100, 10_000];
  const servers = new Map<number, { readonly server: Hookline; readonly urls: readonly string[] }>();
  for (const n of numbers) {
    const server = await Hookline.create(configurationOf(n));
    const { urls } = await server.token();
    const begun = performance.now();
    await server.start();
    const started = performance.now() - begun;
    await sleep(settled);
    const before = await cpuByRole(server);
    await sleep(10_000);
    const after = await cpuByRole(server);
    const used = [...after].reduce((sum, [role, value]) => sum + value - (before.get(role) ?? 0), 0);
    report.figure(`${count(n)} pipelines: start until ready`, started / 1000, 's');
    report.ratio(
      `${count(n)} pipelines: idle CPU, of a core`,
      used * 10,
      n === numbers.at(-1) ? 2 : undefined,
      'less',
      '%',
    );
    for (const [role, pids] of await roles(server)) {
      report.figure(
        `${count(n)} pipelines: memory of ${role} for itself, idle`,
        Math.max(...pids.map((pid) => memoryOf(pid).own)),
        'MiB',
      );
    }
    await server.stop();
    await server.start('--role', 'ack,admin');
    servers.set(n, { server, urls: Object.values(urls) });
  }
  const subjects = [...servers].map(([n, { urls }]) => [String(n), () => load(urls, 64, seconds)] as const);
  const results = await interleaved(rounds, Object.fromEntries(subjects));
  const rates = numbers.map((n) =>
    showLoad(report, `${count(n)} pipelines in turns: acks`, results.get(String(n))),
  );
  const [one = 1, most = 0] = [rates[0], rates.at(-1)];
  report.ratio(`acks with ${count(numbers.at(-1) ?? 0)} pipelines / with 1`, most / one, 0.9);
  for (const { server } of servers.values()) await server.destroy();
}

/** Each record of another token, as far as there are so many. */
async function tokens(report: Report, extent: Extent, load: Generator): Promise<void> {
  const rates: number[] = [];
  const numbers = extent.short ? [1, 1000] : [1, 1000, 100_000];
  for (const n of numbers) {
    const warehouse = await Warehouse.create('postgres');
    const urls = await mint(warehouse.server, n);
    await fill(warehouse, urls.slice(0, 1000), extent.short ? 50_000 : 500_000, load);
    const begun = performance.now();
    await warehouse.server.start('--role', 'load,admin');
    const first = await eventually(
      'the first rows land',
      async () => (await warehouse.landed()) || undefined,
      60_000,
    );
    const since = performance.now();
    report.figure(`${count(n)} tokens: start until the first rows`, (since - begun) / 1000, 's');
    while ((await warehouse.waiting()).records > 0) await sleep(50);
    const rate = ((await warehouse.landed()) - first) / ((performance.now() - since) / 1000);
    rates.push(report.figure(`${count(n)} tokens: drained`, rate, 'rows/s'));
    await warehouse.destroy();
  }
  report.ratio(
    `drained with ${count(numbers.at(-1) ?? 0)} tokens / with 1`,
    (rates.at(-1) ?? 0) / (rates[0] ?? 1),
  );
}

/** So many tokens, in the store itself; resolves to their URLs. */
async function mint(server: Hookline, n: number): Promise<string[]> {
  const store = instantiate(pluginOf(plugins, 'token-store', 'lmdb'), {
    path: join(server.folder, 'data/tokens'),
  });
  await store.open(AbortSignal.timeout(60_000));
  const urls: string[] = [];
  const creations: Promise<void>[] = [];
  for (let at = 0; at < n; at++) {
    const { token, stored } = mintToken({ description: 'bench' });
    creations.push(store.create(stored));
    urls.push(`${server.webhookUrl}/?pipeline_id=1&key=${stored.key}&token=${token}`);
    if (creations.length === 1000) await Promise.all(creations.splice(0));
  }
  await Promise.all(creations);
  await store.close();
  return urls;
}

async function backlog(records: number, report: Report, load: Generator): Promise<void> {
  const warehouse = await Warehouse.create('duckdb');
  const { server } = warehouse;
  const { urls } = await server.token();
  const url = urls['1'] as string;
  await prove(warehouse, url);
  await fill(warehouse, url, records, load);
  const starts: number[] = [];
  for (let n = 0; n < 3; n++) {
    starts.push(await startToAck(server, url));
    if (n === 2) {
      const watch = await watchMemory(server);
      await sleep(5000);
      watch()(report, `backlog of ${count(records)}`);
    }
    // At once, as it drains.
    await server.stop();
  }
  const goal = records === 1_000_000 ? 1 : undefined;
  report.ratio(`backlog of ${count(records)}: start to first ack`, median(starts), goal, 'less', 's');
  await warehouse.destroy();
}

/** With every SDK that we have in the configuration; none of their servers is there. */
async function sdks(report: Report): Promise<void> {
  const key = JSON.stringify({
    type: 'service_account',
    project_id: 'p',
    client_email: 'a@p',
    private_key: 'x',
  });
  const server = await Hookline.create(`destinations:
  bigquery: { type: bigquery, project: p, dataset: d, credentials: { json: '${key}' } }
  snowflake: { type: snowflake, account: a-b, user: u, password: p, warehouse: W, database: D, schema: S }
  lake: { type: parquet, bucket: hookline-bench, region: eu-west-1 }
pipelines:
  1: { destination: [bigquery, snowflake, lake], table: t }
`);
  const { urls } = await server.token();
  const starts: number[] = [];
  for (let n = 0; n < 3; n++) {
    starts.push(await startToAck(server, urls['1'] as string));
    await server.killAll();
  }
  report.ratio('with the SDKs configured: start to first ack', median(starts), 1.5, 'less', 's');
  await server.destroy();
}

/** From the start of the process to the first 200, in seconds. */
async function startToAck(server: Hookline, url: string): Promise<number> {
  const begun = performance.now();
  const ready = server.start();
  for (;;) {
    const answer = await fetch(url, { method: 'POST', body }).catch(() => undefined);
    if (answer?.status === 200) break;
    await sleep(5);
  }
  const took = (performance.now() - begun) / 1000;
  await ready;
  return took;
}
