/**
 * Appends until it is killed, or until it has appended `count`, and notes each request id in the log once it
 * is acknowledged.
 * Arguments: spool path, log file, lanes (comma-separated), in flight, count, largest body, maxSize, seed.
 */
import { openSync, writeSync } from 'node:fs';
import { LmdbSpool } from '../../connectors/lmdb/spool.js';
import { makeRecord } from '../../core/conformance/spool/records.js';
import { instructionOf, type LaneId } from '../../core/index.js';
import { Random } from './random.js';

const [
  path = '',
  log = '',
  lanes = '',
  inFlight = '1',
  count = '0',
  body = '600',
  maxSize = String(1024 ** 3),
  seed = '1',
] = process.argv.slice(2);
const random = new Random(Number(seed));
const file = openSync(log, 'a');
const spool = new LmdbSpool({ path, maxSize: Number(maxSize) }, console);
await spool.open();

let left = count === '0' ? Number.POSITIVE_INFINITY : Number(count);
await Promise.all(
  Array.from({ length: Number(inFlight) }, async () => {
    while (left-- > 0) {
      const filler = 'x'.repeat(random.below(Number(body)));
      const record = makeRecord({ timestamp: Date.now() / 1000, body: Buffer.from(`"${filler}"`) });
      try {
        await spool.append(lanes.split(',') as LaneId[], record);
        writeSync(file, `${record.requestId}\n`);
      } catch (error) {
        if (instructionOf(error) !== 'overloaded') throw error;
        writeSync(file, '!\n');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }),
);
await spool.close();
