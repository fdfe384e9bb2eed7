/**
 * A process that loads as the engine does, until it is killed or nothing is left. Its argument is the
 * plugin's location and the `LoadingOrder` as JSON. It prints `ready`, then a line of JSON for each batch
 * that its warehouse has taken, before it settles it: who reads them is the ledger. Some records are
 * discarded, some batches split, some rows die.
 */
import { setImmediate } from 'node:timers/promises';
import type { LaneId } from '../../contract/spool.js';
import { locate } from '../instantiate.js';
import { countSteps } from '../steps.js';
import type { PluginLocation } from '../subject.js';
import { ids } from './records.js';

export interface LoadingOrder {
  readonly lanes: readonly LaneId[];
  /** In one batch. */
  readonly rows: number;
  /** Ends when nothing is left, and prints how many steps that took. */
  readonly once: boolean;
  /** The step at which it kills itself. */
  readonly killAt?: number;
}

const order = JSON.parse(process.argv[2] ?? '') as PluginLocation & LoadingOrder;
const spool = (await locate('spool', order))();
await spool.open(AbortSignal.timeout(20_000));
await spool.claim(AbortSignal.timeout(20_000));
spool.quarantine?.keep(86_400_000);
spool.receipts?.keep(86_400_000);
process.stdout.write('ready\n');

/** The warehouse's verdict: the same for ever, as a batch that has landed is not refused later. */
const refuses = (id: string) => id.charCodeAt(id.length - 1) % 3 === 0;
const isDiscarded = ({ requestId }: { readonly requestId: string }) => /^[ab]/.test(requestId);

async function load(lane: LaneId): Promise<void> {
  for (;;) {
    let batch = await spool.sealed(lane);
    if (batch === undefined) {
      const read = await spool.read(lane, { rows: order.rows, bytes: 1e9 });
      if (read.length === 0) {
        if (order.once) return;
        await setImmediate();
        continue;
      }
      batch = await spool.seal(
        lane,
        read.filter((row) => !isDiscarded(row)),
        read.filter(isDiscarded).map((record) => ({ record, reason: 'wrong token' })),
      );
    }
    if (!order.once) await setImmediate();
    if (batch === undefined) continue;
    if (refuses(batch.id)) {
      if (batch.rows.length > 1) await spool.split(batch);
      else await spool.settle(batch, { reason: 'it had to be' });
      continue;
    }
    process.stdout.write(`${JSON.stringify({ lane, id: batch.id, rows: ids(batch.rows) })}\n`);
    await spool.settle(batch, 'landed');
  }
}

const counter = order.once ? countSteps(order.killAt) : undefined;
await Promise.all(order.lanes.map(load));
counter?.stop();
if (counter !== undefined) process.stdout.write(`${counter.steps}\n`);
await spool.close();
