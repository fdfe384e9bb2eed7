/**
 * What a flush costs in requests, bytes and memory, on the emulator: `node dist/test/bench/snowflake.js`.
 * Called with the number of rows, it is the process that writes them.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { instantiate, makeBatch, makeRow } from 'hookline/conformance';
import plugin from '../../connectors/snowflake/index.js';
import { TestSnowflake } from '../support/snowflake.js';

const sizes = [1, 1000, 50_000];
const bodyBytes = 531;

interface Report {
  readonly milliseconds: number;
  /** Resident memory in MiB: with the batch made and the session open, and the most while it was written. */
  readonly before: number;
  readonly peak: number;
}

const never = new AbortController().signal;
const [, , rows, options = '{}'] = process.argv;
if (rows === undefined) await measure();
else await write(Number(rows), JSON.parse(options) as object);

async function measure(): Promise<void> {
  const server = await TestSnowflake.start();
  const table: object[] = [];
  try {
    for (const size of sizes) {
      const args = [String(size), JSON.stringify(server.options)];
      const child = fork(fileURLToPath(import.meta.url), args);
      await once(child, 'message');
      server.faults.forget();
      child.send('go');
      const [{ milliseconds, before, peak }] = (await once(child, 'message')) as [Report];
      const { seen, bytesSent } = server.faults;
      const [upload, statements] = [seen.filter((each) => each.startsWith('/')).length, seen.length];
      table.push({
        rows: size,
        statements: statements - upload,
        uploads: upload,
        KiB: Math.ceil(bytesSent / 1024),
        before,
        peak,
        milliseconds,
      });
      child.disconnect();
      await once(child, 'exit');
    }
  } finally {
    await server.destroy();
  }
  console.table(table);
}

async function write(count: number, given: object): Promise<void> {
  const destination = instantiate(plugin, given);
  await destination.open(never);
  await destination.ensureTable('bench', never);
  // Of random letters, half of them: JSON compresses about so.
  const body = () => {
    const noise = Buffer.from(Array.from({ length: 180 }, () => Math.random() * 256)).toString('base64');
    return JSON.stringify({ event: 'lead.created', note: noise }).padEnd(bodyBytes, ' ');
  };
  const batch = makeBatch(
    'bench',
    Array.from({ length: count }, () => makeRow(body())),
  );
  const resident = () => Math.round(process.memoryUsage.rss() / 1024 ** 2);
  const before = resident();
  process.send?.('ready');
  await once(process, 'message');
  const began = Date.now();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, resident());
  }, 5);
  await destination.write(batch, never);
  clearInterval(watch);
  const report: Report = { milliseconds: Date.now() - began, before, peak: Math.max(peak, resident()) };
  process.send?.(report);
  await destination.close();
}
