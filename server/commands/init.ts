import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { starter } from '../../config/starter.js';
import { CommandError } from '../cli/exit.js';
import { print } from '../cli/output.js';

export function init(program: Command): void {
  program
    .command('init [file]')
    .description('write a commented configuration to start from (hookline.yaml)')
    .action(async (file = 'hookline.yaml') => {
      try {
        await writeFile(file, starter, { flag: 'wx' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        throw new CommandError(`${file} is there already, and was left as it is`);
      }
      const option = file === 'hookline.yaml' ? '' : ` --config ${file}`;
      print(`${file} is written. Next:

  npx hookline tokens create --description "my first sender"${option}
  npx hookline serve${option}`);
    });
}
