import { randomBytes } from 'node:crypto';
import type { Batch } from '../../contract/destination.js';
import { makeBatch, makeRows } from '../batches.js';
import type { Claim } from '../claim.js';
import { same } from '../proof.js';
import type { DestinationClaim } from './stage.js';

const noting =
  'where a batch is from is noted in the step that stores it: a spool that was restored or copied is told from the one that went on';

export function originClaims(claim: DestinationClaim): Claim[] {
  return [
    claim(
      'stores batches whatever spool they are from; and tells of each the newest, where it has newestBatch',
      noting,
      async (stage) => {
        const [spool, other] = [randomBytes(6).toString('hex'), randomBytes(6).toString('hex')];
        const batchOf = (from: string, serial: number, table = stage.table): Batch => ({
          ...makeBatch(table, makeRows(2)),
          origin: { spool: from, serial },
        });
        const destination = await stage.ready();
        const newest = (of: string) => destination.newestBatch?.(of, stage.signal);
        same('the newest of a spool that was never here', await newest(spool), undefined);
        const elsewhere = `${stage.table}_other`;
        await destination.ensureTable(elsewhere, stage.signal);
        const large = 2 ** 52;
        const batches = [
          batchOf(spool, 5),
          batchOf(spool, large, elsewhere),
          batchOf(spool, 10),
          batchOf(other, 7),
          makeBatch(stage.table, makeRows(1)),
        ];
        for (const batch of batches) await destination.write(batch, stage.signal);
        if (destination.newestBatch !== undefined) {
          same('the newest of the one', await newest(spool), { id: batches[1]?.id, serial: large });
          same('the newest of the other', await newest(other), { id: batches[3]?.id, serial: 7 });
        }
        await stage.holds(batches.filter(({ table }) => table === stage.table).flatMap(({ rows }) => rows));
      },
    ),
  ];
}
