import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { takeInventory } from '../../config/inventory.js';
import { referencePage } from '../../config/reference-page.js';
import { builtins } from '../../connectors/index.js';
import { Registry } from '../../core/host/registry.js';

// `npm run reference` writes this file; with `--check`, as in `npm run check`, it fails where it is stale.
const file = join(import.meta.dirname, '../../../config/REFERENCE.md');
const page = referencePage(await takeInventory(new Registry(builtins)));

if (!process.argv.includes('--check')) {
  await writeFile(file, page);
} else if ((await readFile(file, 'utf8').catch(() => '')) !== page) {
  process.stderr.write('config/REFERENCE.md is stale: run npm run reference\n');
  process.exitCode = 1;
}
