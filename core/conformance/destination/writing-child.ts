/**
 * A process that writes batches until it is killed, or until it has written them all and closes. Its
 * argument is the `WritingOrder` as JSON; it prints `ready`, then the number of each batch that has
 * landed, and how many steps the write took when it was one.
 */
import { seriesBatch } from '../batches.js';
import { locate } from '../instantiate.js';
import { retrying } from '../proof.js';
import { countSteps } from '../steps.js';
import type { PluginLocation } from '../subject.js';

export interface WritingOrder extends PluginLocation, WritingPart {
  readonly table: string;
  readonly series: string;
}

export interface WritingPart {
  readonly from: number;
  /** How many batches. */
  readonly count: number;
  readonly size: number;
  /** The step of the first write at which it kills itself; or as soon as that write has resolved. */
  readonly killAt?: number | 'the end';
  /** Makes another instance fail before. */
  readonly alsoFail?: boolean;
}

const order = JSON.parse(process.argv[2] ?? '') as WritingOrder;
const make = await locate('destination', order);
const { signal } = new AbortController();

if (order.alsoFail) {
  const failing = make();
  await failing.open(AbortSignal.abort()).catch(() => {});
  await failing.close();
}

const destination = make();
await retrying(() => destination.open(signal));
await retrying(() => destination.ensureTable(order.table, signal));
process.stdout.write('ready\n');
if (order.alsoFail) {
  const batch = seriesBatch(order.table, order.series, order.from, order.size);
  await destination.write(batch, AbortSignal.abort()).catch(() => {});
}
const counting = order.count === 1;
const counter = counting
  ? countSteps(typeof order.killAt === 'number' ? order.killAt : undefined)
  : undefined;
for (let n = order.from; n < order.from + order.count; n++) {
  const batch = seriesBatch(order.table, order.series, n, order.size);
  await retrying(() => destination.write(batch, signal));
  counter?.stop();
  if (order.killAt === 'the end') process.kill(process.pid, 'SIGKILL');
  process.stdout.write(`${n}\n`);
}
if (counter !== undefined) process.stdout.write(`${counter.steps}\n`);
await destination.close();
