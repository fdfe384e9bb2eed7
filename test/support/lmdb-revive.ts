/** Revives every dead letter of the spool; prints how many it revived itself. Argument: spool path. */
import { LmdbSpool } from '../../connectors/lmdb/spool.js';

const spool = new LmdbSpool({ path: process.argv[2] ?? '', maxSize: 1024 ** 3 }, console);
await spool.open();
let revived = 0;
for (const letter of await spool.dead({})) {
  if (await spool.revive(letter)) revived++;
}
process.stdout.write(`${revived}\n`);
await spool.close();
