import type { Batch } from '../contract/destination.js';
import { instructionOf, messageOf, PermanentError } from '../contract/errors.js';
import type { SealedBatch, Spool } from '../contract/spool.js';
import { failpoint } from '../host/failpoint.js';
import type { Outlet } from './outlet.js';
import type { Suspicion } from './suspicion.js';

export type Delivery =
  | { readonly outcome: 'landed' }
  | { readonly outcome: 'split' }
  /** One refusal too many: it is taken for the table's fault, and the row stays sealed. */
  | { readonly outcome: 'halting' }
  | { readonly outcome: 'dead'; readonly reason: string };

/**
 * Brings one sealed batch to its end, or one step nearer: written and settled; or, refused for ever,
 * split in two; or, being of one row, kept as a dead letter. Whatever else goes wrong is thrown: the
 * batch stays sealed, and the next try writes the same rows under the same id.
 */
export async function deliver(
  batch: SealedBatch,
  table: string,
  outlet: Outlet,
  spool: Spool,
  suspicion: Suspicion,
  signal: AbortSignal,
): Promise<Delivery> {
  try {
    if (isDamaged(batch)) {
      throw new PermanentError(
        "the spool's disk has changed it since it was accepted: look after the disk; what is left of it is kept",
      );
    }
    await write(batch, table, outlet, signal);
  } catch (error) {
    if (instructionOf(error) !== 'permanent') throw error;
    if (batch.rows.length > 1) {
      failpoint?.('batch.refused');
      await spool.split(batch);
      failpoint?.('batch.split');
      return { outcome: 'split' };
    }
    const [row] = batch.rows;
    const isRefused = row !== undefined && row.damaged !== true;
    if (isRefused && !(await suspicion.condemns(row.requestId, error))) return { outcome: 'halting' };
    const reason = messageOf(error);
    failpoint?.('row.dying');
    await spool.settle(batch, { reason });
    failpoint?.('row.dead');
    return { outcome: 'dead', reason };
  }
  failpoint?.('batch.written');
  await spool.settle(batch, 'landed', table);
  failpoint?.('batch.settled');
  return { outcome: 'landed' };
}

export async function write(
  batch: SealedBatch,
  table: string,
  outlet: Outlet,
  signal: AbortSignal,
): Promise<void> {
  await outlet.write(batchOf(batch, table), signal);
}

/** What of it is damaged never lands, whatever the table says. */
export function isDamaged({ rows }: SealedBatch): boolean {
  return rows.some(({ damaged }) => damaged === true);
}

/** As its destination gets it. */
export function batchOf({ id, rows, bytes, origin }: SealedBatch, table: string): Batch {
  return { id, table, rows, bytes, ...(origin && { origin }) };
}
