import { childrenOf, cpuSeconds } from '../support/process-usage.js';
import { startNoop } from './beside.js';
import type { Generator } from './load.js';
import type { Scenario } from './scenario.js';
import { cpuByRole } from './usage.js';
import { Warehouse } from './warehouse.js';

const connections = 64;

/** Twice what it is: what is dearer by less is for the other scenarios, on a machine at rest. */
const most = 6;

/**
 * What CI asks: the processors' time that a row takes from the socket over the spool into the warehouse, in all of
 * Hookline's processes. What else the machine does, and how fast it is, makes little of a difference to it.
 */
export const ratio: Scenario = {
  name: 'ratio',
  about: "the processors' time of a row that lands in Postgres, beside that of an answer of a no-op server",
  onlyByName: true,
  async run(report, { seconds }, load) {
    const noop = await ofNoop(seconds, load);
    const row = await ofRow(seconds, load);
    report.figure('no-op node:http: a million answers', noop * 1e6, 's');
    report.figure('Hookline: a million rows landed', row * 1e6, 's');
    const dearer = report.ratio('rows landed / no-op answers', row / noop, most, 'less');
    if (dearer > most) process.exitCode = 1;
  },
};

async function ofNoop(seconds: number, load: Generator): Promise<number> {
  const noop = await startNoop();
  await load(noop.url, connections, 2);
  const usedSoFar = () => childrenOf(noop.pid).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = usedSoFar();
  const { rate, failed } = await load(noop.url, connections, seconds);
  const used = usedSoFar() - before;
  await noop.stop();
  if (failed > 0) throw new Error(`${failed} were not answered`);
  return used / (rate * seconds);
}

async function ofRow(seconds: number, load: Generator): Promise<number> {
  const warehouse = await Warehouse.create('postgres');
  const { server } = warehouse;
  await server.start();
  const { urls } = await server.token();
  await load(urls['1'] as string, connections, 2);
  await server.cli('drain');
  const [landedBefore, before] = [await warehouse.landed(), await cpuByRole(server)];
  await load(urls['1'] as string, connections, seconds);
  await server.cli('drain');
  const [landed, after] = [(await warehouse.landed()) - landedBefore, await cpuByRole(server)];
  await server.stop();
  const { rows, ids } = await warehouse.count();
  await warehouse.destroy();
  if (rows !== ids) throw new Error(`${rows} rows have ${ids} ids`);
  const used = [...after].reduce((sum, [role, seconds]) => sum + seconds - (before.get(role) ?? 0), 0);
  return used / landed;
}
