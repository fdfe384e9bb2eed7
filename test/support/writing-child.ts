/**
 * A process that writes batches until it is killed, or writes one and ends by itself. Its argument is the
 * `ChildOrder` as JSON; it prints `ready`, then the number of each batch that has landed.
 */
import type { Plugin } from '../../core/index.js';
import { seriesBatch } from './batches.js';
import { instantiate, pluginOf } from './instantiate.js';

export interface ChildOrder {
  /** The module that exports the plugin by default, as a URL. */
  readonly module: string;
  readonly plugin: string;
  readonly options: object;
  readonly table: string;
  readonly series: string;
  readonly from: number;
  /** How many batches; it closes after the last. */
  readonly count: number;
  readonly size: number;
}

const order = JSON.parse(process.argv[2] ?? '') as ChildOrder;
const { default: exported } = (await import(order.module)) as { default: Plugin | readonly Plugin[] };
const destination = instantiate(pluginOf(exported, 'destination', order.plugin), order.options);
const signal = new AbortController().signal;
await destination.open(signal);
await destination.ensureTable(order.table, signal);
process.stdout.write('ready\n');
for (let n = order.from; n < order.from + order.count; n++) {
  await destination.write(seriesBatch(order.table, order.series, n, order.size), signal);
  process.stdout.write(`${n}\n`);
}
await destination.close();
