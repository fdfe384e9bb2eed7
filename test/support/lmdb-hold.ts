/** Holds a snapshot of the spool until it is killed. Arguments: spool path, log file. */
import { appendFileSync } from 'node:fs';
import { LmdbSpool } from '../../connectors/lmdb/spool.js';

const [path = '', log = ''] = process.argv.slice(2);
const spool = new LmdbSpool({ path, maxSize: 1024 ** 3 }, console);
await spool.open();
await spool.pending();
appendFileSync(log, 'holding\n');
// The read transaction ends with this turn of the event loop, which never ends.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
