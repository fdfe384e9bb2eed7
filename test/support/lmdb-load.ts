/**
 * Loads as the engine does until it is killed. The log is the warehouse: one line of JSON for each write,
 * with the batch's id and rows, so one with the same id adds nothing. Some batches are split first, some
 * records discarded, some rows buried.
 * Arguments: spool path, log file, lanes (comma-separated), rows in a batch.
 */
import { openSync, writeSync } from 'node:fs';
import { LmdbSpool } from '../../connectors/lmdb/spool.js';
import { ids } from '../../core/conformance/spool/records.js';
import type { LaneId } from '../../core/index.js';

const [path = '', log = '', lanes = '', rows = '50'] = process.argv.slice(2);
const file = openSync(log, 'a');
const spool = new LmdbSpool({ path, maxSize: 1024 ** 3 }, console);
await spool.open();
await spool.claim(AbortSignal.timeout(20_000));
writeSync(file, '{"claimed":true}\n');

/** The warehouse's verdict: the same for ever, as a batch that has landed is not refused later. */
const refuses = (id: string) => id.charCodeAt(id.length - 1) % 3 === 0;

async function load(lane: LaneId): Promise<void> {
  for (;;) {
    let batch = await spool.sealed(lane);
    if (batch === undefined) {
      const read = await spool.read(lane, { rows: Number(rows), bytes: 1e9 });
      const bad = new Set(read.filter(() => Math.random() < 0.05));
      batch = await spool.seal(
        lane,
        read.filter((row) => !bad.has(row)),
        [...bad].map((record) => ({ record, reason: 'wrong token' })),
      );
    }
    await new Promise((resolve) => setImmediate(resolve));
    if (batch === undefined) continue;
    if (refuses(batch.id)) {
      if (batch.rows.length > 1) await spool.split(batch);
      else await spool.settle(batch, { reason: 'it had to be' });
      continue;
    }
    writeSync(file, `${JSON.stringify({ lane, id: batch.id, rows: ids(batch.rows) })}\n`);
    await spool.settle(batch, 'landed');
  }
}

await Promise.all((lanes.split(',') as LaneId[]).map(load));
