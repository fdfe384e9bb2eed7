import { drainOnce, fill, prove } from './draining.js';
import { bodyOf } from './load.js';
import type { Scenario } from './scenario.js';
import { Warehouse } from './warehouse.js';

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
      const { urls } = await warehouse.server.token();
      const url = urls['1'] as string;
      await prove(warehouse, url);
      for (const bytes of extent.short ? sizes.slice(0, 1) : sizes) {
        await fill(warehouse, url, backlog / bytes, load, bodyOf(bytes));
        await drainOnce(warehouse, report, `${kind}, bodies of ${bytes / 1000} KB`);
      }
      await warehouse.destroy();
    }
  },
};
