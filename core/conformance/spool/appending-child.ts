/**
 * A process that appends until it is killed, or until it has appended so many and closes. Its argument is
 * the plugin's location and the `AppendingOrder` as JSON; it prints `ready`, then each request id as soon
 * as it is acknowledged.
 */
import type { LaneId } from '../../contract/spool.js';
import { locate } from '../instantiate.js';
import type { PluginLocation } from '../subject.js';
import { makeRecord } from './records.js';

export interface AppendingOrder {
  readonly lanes: readonly LaneId[];
  readonly inFlight: number;
  /** Without it, no end. */
  readonly count?: number;
}

const order = JSON.parse(process.argv[2] ?? '') as PluginLocation & AppendingOrder;
const spool = (await locate('spool', order))();
await spool.open(AbortSignal.timeout(20_000));
process.stdout.write('ready\n');
let left = order.count ?? Number.POSITIVE_INFINITY;
await Promise.all(
  Array.from({ length: order.inFlight }, async () => {
    while (left-- > 0) {
      const record = makeRecord({ timestamp: Date.now() / 1000 });
      await spool.append(order.lanes, record);
      process.stdout.write(`${record.requestId}\n`);
    }
  }),
);
await spool.close();
