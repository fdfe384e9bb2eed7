import type { Command } from 'commander';
import { editorSchema } from '../../config/editor-schema.js';
import { knownPlugins } from '../cli/known-plugins.js';
import { configOption } from '../cli/options.js';
import { print } from '../cli/output.js';

export function schema(program: Command): void {
  program
    .command('schema')
    .description('the JSON Schema of the configuration, with its plugins in it, for editors')
    .addOption(configOption())
    .action(async (_options, command: Command) => {
      print(JSON.stringify(editorSchema(await knownPlugins(command)), null, 2));
    });
}
