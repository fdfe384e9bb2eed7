import { setTimeout as sleep } from 'node:timers/promises';
import { startNoop } from './beside.js';
import type { Generator } from './load.js';
import { median, type Report, shown } from './report.js';
import { showLoad } from './rounds.js';
import type { Extent, Scenario } from './scenario.js';
import { cpuByRole, watchMemory } from './usage.js';
import { Warehouse } from './warehouse.js';

const connections = 64;

/** Acks and landing together, as fast as it goes; the lag must not grow. */
export const landing: Scenario = {
  name: 'landing',
  about: 'acked and landed at once, sustained; by the clock of the senders, and counted in the warehouse',
  async run(report, extent, load) {
    const noop = await startNoop();
    await load(noop.url, connections, 2);
    const ceiling = showLoad(report, 'no-op node:http', [
      await load(noop.url, connections, extent.seconds * 2),
    ]);
    await noop.stop();
    for (const kind of ['postgres', 'duckdb', 'parquet'] as const) {
      if (kind === 'parquet' && extent.short) continue;
      await sustain(kind, ceiling, report, extent, load);
    }
  },
};

async function sustain(
  kind: Warehouse['kind'],
  ceiling: number,
  report: Report,
  extent: Extent,
  load: Generator,
): Promise<void> {
  const warehouse = await Warehouse.create(kind);
  const { server } = warehouse;
  await server.start();
  const { urls } = await server.token();
  const url = urls['1'] as string;
  await load(url, connections, 2);
  await server.cli('drain');

  const lags: number[] = [];
  const landedBefore = await warehouse.landed();
  const cpuBefore = await cpuByRole(server);
  const watch = await watchMemory(server);
  const begun = Date.now();
  const seconds = extent.short ? 10 : 60;
  const under = load(url, connections, seconds);
  let over = false;
  const watching = (async () => {
    while (!over) {
      await sleep(1000);
      // A look that was not answered says nothing of the lag.
      const waiting = await warehouse.waiting().catch(() => undefined);
      if (waiting !== undefined && !over) lags.push(waiting.lag);
    }
  })();
  const result = await under;
  over = true;
  const took = (Date.now() - begun) / 1000;
  const landed = (await warehouse.landed()) - landedBefore;
  const cpuAfter = await cpuByRole(server);
  await watching;
  const memory = watch();
  await server.cli('drain');
  await server.stop();
  const { rows, ids } = await warehouse.count();
  await warehouse.destroy();

  const [first, second] = [lags.slice(0, lags.length / 2), lags.slice(lags.length / 2)].map(median);
  showLoad(report, `${kind}: acks meanwhile`, [result]);
  const rate = report.figure(
    `${kind}: landed`,
    landed / took,
    'rows/s',
    `lag ${shown(first ?? 0)} s, then ${shown(second ?? 0)} s`,
  );
  for (const [role, before] of cpuBefore) {
    const used = (cpuAfter.get(role) ?? 0) - before;
    report.figure(`${kind}: CPU of ${role} for a million rows`, (used / landed) * 1e6, 's');
  }
  memory(report, kind);
  const isFlat = (second ?? 0) <= Math.max(2 * (first ?? 0), (first ?? 0) + 1);
  if (!isFlat) report.figure(`${kind}: THE LAG GROWS`, (second ?? 0) - (first ?? 0), 's');
  if (rows !== ids) throw new Error(`${kind}: ${rows} rows have ${ids} ids`);
  report.ratio(`${kind}: landed / no-op`, rate / ceiling, kind === 'postgres' ? 0.75 : undefined);
  report.ratio(`${kind}: landed / acked`, rate / result.rate);
}
