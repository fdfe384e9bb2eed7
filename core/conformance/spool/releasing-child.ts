/**
 * A process that releases all that is held, one after the other, until it is killed; then prints how many
 * steps that took. Its argument is the plugin's location and the `ReleasingOrder` as JSON.
 */
import { locate } from '../instantiate.js';
import { countSteps } from '../steps.js';
import type { PluginLocation } from '../subject.js';

export interface ReleasingOrder {
  /** The step at which it kills itself. */
  readonly killAt?: number;
}

const order = JSON.parse(process.argv[2] ?? '') as PluginLocation & ReleasingOrder;
const spool = (await locate('spool', order))();
await spool.open(AbortSignal.timeout(20_000));
process.stdout.write('ready\n');
const counter = countSteps(order.killAt);
for (const held of (await spool.quarantine?.list({})) ?? []) await spool.quarantine?.release(held);
counter.stop();
process.stdout.write(`${counter.steps}\n`);
await spool.close();
