/**
 * What a flush of 1, 1,000 and 50,000 rows costs in requests, bytes and memory, by either method, against
 * goccy/bigquery-emulator: `node dist/test/bench/bigquery-flush.js`. How long it takes is the emulator's
 * affair and says nothing of BigQuery.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { instantiate, makeBatch, makeRow } from 'hookline/conformance';
import plugin from '../../connectors/bigquery/index.js';
import { project, TestBigquery } from '../support/bigquery.js';

const { signal } = new AbortController();
const table = 'bench';
const body = Buffer.from(JSON.stringify({ event: 'order.paid', text: 'x'.repeat(470) }));

const print = (text: string) => process.stdout.write(`${text}\n`);
const MB = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 3 : 1)} MB`;

const [own, rows] = process.argv.slice(2);
if (own === undefined) await measure();
else await flush(JSON.parse(own) as object, Number(rows));

async function measure(): Promise<void> {
  const server = await TestBigquery.start('goccy');
  print(
    `bodies of ${body.length} bytes; memory is what the process took more at its peak than before the flush`,
  );
  for (const method of ['storage-write', 'load-job']) {
    for (const count of [1, 1000, 50_000]) {
      await server.renew(['hooks']);
      const requests: string[] = [];
      let bytes = 0;
      server.fault = async (request, next) => {
        requests.push(request.path.split('?')[0]?.replace(/\/jobs\/hookline_.*/, '/jobs/{job}') ?? '');
        bytes += request.body.length;
        return await next();
      };
      const options = {
        project,
        dataset: 'hooks',
        ...server.endpoints,
        method,
        requestBytes: 3_500_000,
        table: { partition: 'none' },
      };
      const self = fileURLToPath(import.meta.url);
      const { stdout } = await promisify(execFile)(process.execPath, [
        self,
        JSON.stringify(options),
        `${count}`,
      ]);
      const { sent, memory } = JSON.parse(stdout) as { sent: number; memory: number };
      const write = requests.slice(requests.findIndex((path) => path.endsWith('{job}')));
      const polls = write.filter((path) => path.endsWith('{job}')).length - 1;
      const rest = write.length - polls;
      const whole = method === 'load-job' ? bytes : bytes + sent;
      print(
        `${method}  ${count} rows: ${rest} requests and ${polls} looks at the job, ${MB(whole)}, ${memory} MB of memory`,
      );
    }
  }
  await server.destroy();
}

/** In a process of its own: its memory is then the flush's. */
async function flush(options: object, count: number): Promise<void> {
  const destination = instantiate(plugin, options);
  await destination.open(signal);
  await destination.ensureTable(table, signal);
  const batch = makeBatch(
    table,
    Array.from({ length: count }, () => makeRow(body)),
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  let peak = process.memoryUsage.rss();
  const before = peak;
  const clock = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 2);
  await destination.write(batch, signal);
  clearInterval(clock);
  await destination.close();
  const sent = batch.rows.reduce((sum, row) => sum + row.body.length + 80, 0);
  print(JSON.stringify({ sent, memory: Math.round((peak - before) / 1e6) }));
}
