/** A process that revives every dead letter, and prints how many it revived itself. Its argument is the plugin's location as JSON. */
import { locate } from '../instantiate.js';
import type { PluginLocation } from '../subject.js';

const spool = (await locate('spool', JSON.parse(process.argv[2] ?? '') as PluginLocation))();
await spool.open(AbortSignal.timeout(20_000));
process.stdout.write('ready\n');
let revived = 0;
for (const letter of await spool.dead({})) {
  if (await spool.revive(letter)) revived++;
}
process.stdout.write(`${revived}\n`);
await spool.close();
