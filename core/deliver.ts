import { instructionOf, messageOf, PermanentError } from './errors.js';
import { failpoint } from './failpoint.js';
import type { Outlet } from './outlet.js';
import type { SealedBatch, Spool } from './spool.js';

export type Delivery =
  | { readonly outcome: 'landed' }
  | { readonly outcome: 'split' }
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
  signal: AbortSignal,
): Promise<Delivery> {
  try {
    if (batch.rows.some(({ damaged }) => damaged === true)) {
      throw new PermanentError(
        "the spool's disk has changed it since it was accepted: look after the disk; what is left of it is kept",
      );
    }
    const { id, rows, bytes, origin } = batch;
    await outlet.write({ id, table, rows, bytes, ...(origin && { origin }) }, signal);
  } catch (error) {
    if (instructionOf(error) !== 'permanent') throw error;
    if (batch.rows.length > 1) {
      failpoint?.('batch.refused');
      await spool.split(batch);
      failpoint?.('batch.split');
      return { outcome: 'split' };
    }
    const reason = messageOf(error);
    failpoint?.('row.dying');
    await spool.settle(batch, { reason });
    failpoint?.('row.dead');
    return { outcome: 'dead', reason };
  }
  failpoint?.('batch.written');
  await spool.settle(batch, 'landed');
  failpoint?.('batch.settled');
  return { outcome: 'landed' };
}
