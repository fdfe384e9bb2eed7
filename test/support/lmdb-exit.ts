/** Exits in the midst of a transaction that waits for its event loop. Argument: path. */
import { Environment } from '../../connectors/lmdb/environment.js';

const [path = ''] = process.argv.slice(2);
const environment = await Environment.open('spool', path, 2 ** 30, (environment) => environment);
void environment.transact(() => undefined);
setImmediate(() => {
  // LMDB's thread is as far by then.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  process.exit(0);
});
