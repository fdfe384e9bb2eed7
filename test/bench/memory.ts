import { warehouses } from '../support/warehouses.js';
import { drainOnce, fill, prove } from './draining.js';
import { bodyOf, type Generator } from './load.js';
import type { Report } from './report.js';
import type { Scenario } from './scenario.js';
import { OnePipeline, Warehouse } from './warehouse.js';

/** Bytes of the bodies that wait, and of each. */
const backlog = 200_000_000;
const sizes = [500, 10_000, 100_000] as const;

/** A batch is as large as its destination says, in rows or in bytes: so it depends on the bodies which of them it is. */
export const memory: Scenario = {
  name: 'memory',
  about: 'what the load process takes for itself while a backlog drains, by the size of its bodies',
  async run(report, extent, load) {
    for (const kind of ['postgres', 'duckdb', 'parquet'] as const) {
      const warehouse = await Warehouse.create(kind);
      await measure(warehouse, extent.short ? sizes.slice(0, 1) : sizes, report, load);
      await warehouse.destroy();
    }
  },
};

/** They say nothing of how fast the warehouses are that they stand for. */
export const clouds: Scenario = {
  name: 'clouds',
  about: 'the same into emulators of BigQuery and Snowflake, which need Go and Python',
  onlyByName: true,
  async run(report, extent, load) {
    for (const kind of ['bigquery', 'snowflake'] as const) {
      const emulator = await warehouses[kind]();
      const server = await OnePipeline.server(JSON.stringify(emulator.options));
      await measure(new OnePipeline(kind, server), sizes.slice(0, extent.short ? 1 : 2), report, load);
      await server.destroy();
      await emulator.destroy();
    }
  },
};

async function measure(
  warehouse: OnePipeline,
  some: readonly number[],
  report: Report,
  load: Generator,
): Promise<void> {
  const { urls } = await warehouse.server.token();
  const url = urls['1'] as string;
  await prove(warehouse, url);
  for (const bytes of some) {
    await fill(warehouse, url, backlog / bytes, load, bodyOf(bytes));
    await drainOnce(warehouse, report, `${warehouse.kind}, bodies of ${bytes / 1000} KB`);
  }
}
