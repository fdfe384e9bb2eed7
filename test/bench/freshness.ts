import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { eventually } from '../support/hookline.js';
import { percentile, type Report } from './report.js';
import type { Extent, Scenario } from './scenario.js';
import { SteadySender } from './steady.js';
import { Warehouse } from './warehouse.js';

/** From the answer to the visible row. */
export const freshness: Scenario = {
  name: 'freshness',
  about: 'from 200 to the row that another connection to Postgres sees, at a steady rate, every: 1s',
  async run(report, extent) {
    for (const rate of [100, 5000]) await watch(rate, report, extent);
  },
};

async function watch(rate: number, report: Report, extent: Extent): Promise<void> {
  const warehouse = await Warehouse.create('postgres');
  const { server } = warehouse;
  await server.start();
  const { urls } = await server.token();
  const client = new pg.Client({ connectionString: warehouse.database });
  await client.connect();
  await eventually('the table is made', async () => {
    const { rows } = await client.query<{ table: string | null }>(
      `SELECT to_regclass('bench')::text AS table`,
    );
    return rows[0]?.table ?? undefined;
  });
  const sender = await SteadySender.open(urls['1'] as string, 64);
  const seen = new Map<string, number>();
  let over = false;
  const watching = (async () => {
    // Rows are only added, so whatever is new is behind what was there.
    for (let block = 0; !over; await sleep(5)) {
      const { rows } = await client.query<{ id: string; block: number }>(
        `SELECT __kdd_request_id AS id, (ctid::text::point)[0]::int AS block FROM bench WHERE ctid >= '(${block},0)'::tid`,
      );
      const now = performance.now();
      for (const row of rows) {
        if (!seen.has(row.id)) seen.set(row.id, now);
        block = Math.max(block, row.block);
      }
    }
  })();
  await sender.send(rate, extent.short ? 5 : 20);
  await server.cli('drain');
  await sleep(200);
  over = true;
  await watching;
  await client.end();
  await warehouse.destroy();

  const ages = sender.answered.map(({ requestId, at }) => ((seen.get(requestId) ?? Number.NaN) - at) / 1000);
  if (ages.some(Number.isNaN)) throw new Error('an answered request was never seen');
  report.figure(
    `answered at ${rate}/s`,
    sender.answered.length,
    'requests',
    `${sender.late} not sent in time`,
  );
  report.figure(`p50 at ${rate}/s`, percentile(ages, 50), 's');
  report.ratio(`p99 at ${rate}/s`, percentile(ages, 99), rate === 5000 ? 1.3 : undefined, 'less', 's');
}
