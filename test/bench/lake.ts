import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeBatch, makeRow } from 'hookline/conformance';
import { type Key, keys } from 'hookline/plugin';
import plugin from '../../connectors/parquet/index.js';
import { silent } from '../../core/conformance/instantiate.js';
import { ProcessMetrics } from '../../core/contract/metrics.js';
import { TestMinio } from '../support/minio.js';

/**
 * What a flush of a lake costs: requests, bytes, time, and how much memory the process then has beyond what
 * it had with the rows alone. Each is measured in a process of its own.
 */
const sizes = [1, 1000, 50_000, 200_000];

if (process.argv[2] === undefined) await compare();
else await flush(JSON.parse(process.argv[2]) as { rows: number; options: object });

async function compare(): Promise<void> {
  const minio = await TestMinio.start();
  const folder = await mkdtemp(join(tmpdir(), 'hookline-bench-'));
  try {
    for (const [where, options] of [
      ['folder', { path: folder }],
      ['MinIO', minio.options],
    ] as const) {
      for (const rows of sizes) {
        const order = JSON.stringify({ rows, options });
        const { stdout } = await promisify(execFile)(process.execPath, [
          fileURLToPath(import.meta.url),
          order,
        ]);
        process.stdout.write(`${where}\t${rows} rows\t${stdout}`);
      }
    }
  } finally {
    await minio.destroy();
    await rm(folder, { recursive: true });
  }
}

async function flush({ rows, options }: { rows: number; options: object }): Promise<void> {
  const metrics = new ProcessMetrics();
  const bindings = new Map<symbol, unknown>([
    [keys.instance, 'lake'],
    [keys.logger, silent],
    [keys.metrics, metrics],
  ]);
  const lake = plugin.create(plugin.config.parse(options), <T>(key: Key<T>) => bindings.get(key) as T);
  const { signal } = new AbortController();
  await lake.open(signal);
  // What is loaded but once is not the flush's.
  await lake.write(makeBatch('warm', [makeRow('1', 1.7e9)]), signal);
  const batch = makeBatch(
    `rows${rows}`,
    Array.from({ length: rows }, (_, n) => makeRow(order(n), 1.7e9 + (n % 600))),
  );
  const before = await counts(metrics);
  const memory = process.memoryUsage().rss;
  const begun = performance.now();
  let peak = memory;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  await lake.write(batch, signal);
  const took = performance.now() - begun;
  clearInterval(watch);
  peak = Math.max(peak, process.memoryUsage().rss);
  const after = await counts(metrics);
  const made = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  const text = made.map(([name, count]) => `${name} ${count}`).join(', ');
  const mib = (bytes: number) => (bytes / 1024 ** 2).toFixed(1);
  process.stdout.write(
    `${mib(batch.bytes)} MiB of bodies\t${text}\t${took.toFixed(0)} ms\t${mib(peak - memory)} MiB more memory, ${mib(peak)} in all\n`,
  );
  await lake.close();
}

async function counts(metrics: ProcessMetrics): Promise<Record<string, number>> {
  const values = (await metrics.json())
    .filter(({ name }) => name.startsWith('hookline_parquet_'))
    .flatMap(({ name, values }) =>
      values.map(({ labels, value }): [string, number] => [
        String(labels['operation'] ?? name),
        Number(value),
      ]),
    );
  return Object.fromEntries(values);
}

/** An order in JSON, some 500 bytes. */
function order(n: number): string {
  return JSON.stringify({
    id: randomUUID(),
    event: 'order.paid',
    number: 100_000 + n,
    amount: Math.round(Math.random() * 1e5) / 100,
    currency: 'EUR',
    customer: { id: randomUUID(), email: `customer${n}@example.com`, name: 'Zoë Example', country: 'BR' },
    items: Array.from({ length: 3 }, (_, at) => ({
      sku: `SKU-${Math.floor(Math.random() * 1e6)}`,
      quantity: at + 1,
      price: Math.round(Math.random() * 1e4) / 100,
    })),
    createdAt: new Date(1.7e12 + n * 37).toISOString(),
  });
}
