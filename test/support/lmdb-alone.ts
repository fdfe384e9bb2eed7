/** Is alone at an LMDB environment's gate until it is killed. Argument: path. */
import { Gate } from '../../connectors/lmdb/gate.js';

const [path = ''] = process.argv.slice(2);
await new Gate(path).alone(() => {
  process.stdout.write('alone\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
