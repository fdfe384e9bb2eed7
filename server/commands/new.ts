import { readdir } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { builtins } from '../../connectors/index.js';
import { writeConnector } from '../cli/connector.js';
import { CommandError } from '../cli/exit.js';
import { print } from '../cli/output.js';
import { manifest } from '../manifest.js';

export function newConnector(program: Command): void {
  program
    .command('new')
    .description('write a package to start from')
    .command('connector')
    .description('a destination of your own: it works, and its test passes')
    .argument('<name>', "what the YAML's `type` will say: lower case letters, digits and hyphens", pluginName)
    .option('--dir <folder>', 'where to; the name, unless you say')
    .option('--hookline <spec>', 'what npm installs hookline from', `^${manifest.version}`)
    .action(async (name: string, options: { readonly dir?: string; readonly hookline: string }) => {
      const folder = options.dir ?? name;
      if (await isTaken(folder)) {
        throw new CommandError(`${folder} is there already, and was left as it is`);
      }
      await writeConnector(folder, name, options.hookline);
      print(`${folder} is written: a connector that works, to put your warehouse into.

Next:

  cd ${folder}
  npm install
  npm test`);
    });
}

function pluginName(text: string): string {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(text) || text.length > 50) {
    throw new InvalidArgumentError('expected up to 50 lower case letters, digits and hyphens');
  }
  if (Object.hasOwn(builtins.destination, text))
    throw new InvalidArgumentError('a built-in destination has that name');
  return text;
}

/** By anything but an empty folder. */
async function isTaken(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length > 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
