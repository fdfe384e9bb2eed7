/**
 * A process that compacts a table, and kills itself at a step. Its argument is the order as JSON; it prints
 * how many steps it took when it came to the end.
 */
import { locate } from '../../core/conformance/instantiate.js';
import { countSteps } from '../../core/conformance/steps.js';
import type { PluginLocation } from '../../core/conformance/subject.js';

export interface CompactOrder extends PluginLocation {
  readonly table: string;
  readonly killAt?: number;
}

const order = JSON.parse(process.argv[2] ?? '') as CompactOrder;
const { signal } = new AbortController();
const lake = (await locate('destination', order))();
await lake.open(signal);
const counter = countSteps(order.killAt);
await lake.compact?.(order.table, false, signal);
counter.stop();
process.stdout.write(`steps: ${counter.steps}\n`);
await lake.close();
