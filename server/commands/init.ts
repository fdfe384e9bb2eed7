import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { editorSchema } from '../../config/editor-schema.js';
import { takeInventory } from '../../config/inventory.js';
import { starter } from '../../config/starter.js';
import { builtins } from '../../connectors/index.js';
import { messageOf } from '../../core/contract/errors.js';
import { Registry } from '../../core/host/registry.js';
import { CommandError } from '../cli/exit.js';
import { print } from '../cli/output.js';

export function init(program: Command): void {
  program
    .command('init [file]')
    .description('write a commented configuration to start from (hookline.yaml)')
    .action(async (file = 'hookline.yaml') => {
      try {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, starter, { flag: 'wx' });
      } catch (error) {
        const { code, syscall } = error as NodeJS.ErrnoException;
        if (code === 'EEXIST' && syscall === 'open') {
          throw new CommandError(`${file} is there already, and was left as it is`);
        }
        throw new CommandError(`${file} cannot be written: ${messageOf(error)}`);
      }
      const schemaFile = join(dirname(file), 'hookline.schema.json');
      const schema = editorSchema(await takeInventory(new Registry(builtins)));
      await writeFile(schemaFile, `${JSON.stringify(schema, null, 2)}\n`);
      const option = file === 'hookline.yaml' ? '' : ` --config ${file}`;
      print(`${file} is written. Editors that know YAML complete and check it by ${schemaFile} beside it.

Next:

  npx hookline tokens create --description "my first sender"${option}
  npx hookline serve${option}`);
    });
}
