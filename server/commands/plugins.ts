import type { Command } from 'commander';
import { words } from '../../config/instance.js';
import type { Item } from '../../config/inventory.js';
import { optionsOf } from '../../config/reference.js';
import { nearest } from '../../core/host/registry.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { knownPlugins } from '../cli/known-plugins.js';
import { configOption, jsonOption } from '../cli/options.js';
import { paint, print, printJson, printTable } from '../cli/output.js';

export function plugins(program: Command): void {
  program
    .command('plugins [name]')
    .description('the plugins that are known; with a name, every option of that one')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (name: string | undefined, options: { json?: boolean }, command: Command) => {
      const items = await knownPlugins(command);
      const chosen = name === undefined ? items : named(name, items);
      if (options.json) printJson(chosen.map((item) => summary(item, name !== undefined)));
      else if (name === undefined) list(items);
      else for (const item of chosen) show(item);
    });
}

/** Those of every kind: `postgres` is a destination and a token store. */
function named(name: string, items: readonly Item[]): readonly Item[] {
  const found = items.filter((item) => item.name === name);
  if (found.length > 0) return found;
  const names = [...new Set(items.map((item) => item.name))];
  const meant = nearest(name, names);
  const hint = meant === undefined ? `there are: ${names.join(', ')}` : `did you mean ${meant}?`;
  throw new CommandError(`there is no plugin ${name}; ${hint}`, exitCodes.usage);
}

function summary(item: Item, detailed: boolean) {
  const { kind, name, origin, description } = item;
  return { kind, name, origin, description, ...(detailed && { options: optionsOf(item) }) };
}

function list(items: readonly Item[]): void {
  printTable(
    ['KIND', 'NAME', 'FROM', 'WHAT IT IS'],
    items.map(({ kind, name, origin, description }) => [words[kind], name, origin, description]),
  );
}

function show(item: Item): void {
  print(paint('bold', `${words[item.kind]} ${item.name}, ${item.origin}`));
  if (item.description !== '') print(item.description);
  const options = optionsOf(item);
  if (options.length === 0) print('no options');
  else {
    printTable(
      ['OPTION', 'TYPE', 'DEFAULT', 'MEANING'],
      options.map(({ name, type, required, default: usual, secret, meaning }) => [
        name,
        secret ? `${type}, secret` : type,
        usual ?? (required ? 'required' : ''),
        meaning,
      ]),
    );
  }
  print('');
}
