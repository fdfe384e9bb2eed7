import { Sender } from '../support/ack-log.js';
import { Hookline } from '../support/hookline.js';
import { startPostgres } from '../support/postgres.js';
import { startHandwritten, startNoop } from './beside.js';
import { bodyOf, type Generator } from './load.js';
import type { Report } from './report.js';
import { interleaved, showLoad } from './rounds.js';
import type { Extent, Scenario } from './scenario.js';

const configuration = `destinations:
  out: { type: memory }
pipelines:
  1: { destination: out, table: bench }
`;

/** The usual case, which the goals are for. */
const usual = { workers: 1, connections: 64, bytes: 500 };

/** The ack path alone: no load process reads the spool meanwhile. */
export const acks: Scenario = {
  name: 'acks',
  about: 'durable acks beside a no-op node:http server and a handler that inserts before it answers',
  async run(report, extent, load) {
    await beside(report, extent, load);
    if (extent.short) return;
    for (const workers of [1, 2])
      for (const bytes of [500, 10_000, 100_000])
        for (const connections of [1, 64, 512])
          await compare(report, extent, load, { workers, bytes, connections });
  },
};

/** The usual case, with all three. */
async function beside(report: Report, extent: Extent, load: Generator): Promise<void> {
  const postgres = await startPostgres();
  const handwritten = await startHandwritten(await postgres.createDatabase());
  const noop = await startNoop();
  const { server, url } = await start(1);
  await verify(url);
  const at = (target: string) => () => load(target, usual.connections, extent.seconds);
  for (const target of [noop.url, url, handwritten.url]) await load(target, usual.connections, 2);
  const results = await interleaved(extent.rounds, {
    noop: at(noop.url),
    acks: at(url),
    handwritten: at(handwritten.url),
  });
  const ceiling = showLoad(report, 'no-op node:http', results.get('noop'));
  const durable = showLoad(report, 'durable acks', results.get('acks'));
  const byHand = showLoad(report, 'express + INSERT, by hand', results.get('handwritten'));
  report.ratio('durable acks / no-op', durable / ceiling, 0.95);
  report.ratio('durable acks / express + INSERT', durable / byHand, 4);
  await server.destroy();
  await noop.stop();
  await handwritten.stop();
  await postgres.destroy();
}

async function compare(
  report: Report,
  { rounds, seconds }: Extent,
  load: Generator,
  { workers, bytes, connections }: typeof usual,
): Promise<void> {
  const noop = await startNoop(workers);
  const { server, url } = await start(workers);
  const what = bodyOf(bytes);
  for (const target of [noop.url, url]) await load(target, connections, 1, what);
  const results = await interleaved(rounds, {
    noop: () => load(noop.url, connections, seconds, what),
    acks: () => load(url, connections, seconds, what),
  });
  const of = `${workers} worker${workers === 1 ? '' : 's'}, ${connections} conn., ${bytes / 1000} KB`;
  const ceiling = showLoad(report, `no-op: ${of}`, results.get('noop'));
  const durable = showLoad(report, `acks: ${of}`, results.get('acks'));
  report.ratio(`durable acks / no-op: ${of}`, durable / ceiling);
  await server.destroy();
  await noop.stop();
}

async function start(workers: number): Promise<{ readonly server: Hookline; readonly url: string }> {
  const server = await Hookline.create(configuration, { webhooks: `, workers: ${workers}` });
  await server.start('--role', 'ack,admin');
  const { urls } = await server.token();
  return { server, url: urls['1'] as string };
}

/** Whoever counts answers must know that they are answers: for a second, each is looked at. */
async function verify(url: string): Promise<void> {
  const sender = new Sender(url, 16, 0);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await sender.stop();
  const ids = new Set(sender.acks.map(({ requestId }) => requestId));
  if (sender.unanswered > 0 || ids.size !== sender.acks.length || ids.size === 0) {
    throw new Error(`of ${sender.acks.length} answers ${ids.size} had an id of their own`);
  }
}
