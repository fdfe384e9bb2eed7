#!/usr/bin/env node
import 'reflect-metadata';
import { Command, CommanderError } from 'commander';
import { endOnUncaught, exitCodes, explain } from './cli/exit.js';
import { check } from './commands/check.js';
import { dead } from './commands/dead.js';
import { discards } from './commands/discards.js';
import { drain } from './commands/drain.js';
import { init } from './commands/init.js';
import { newConnector } from './commands/new.js';
import { pipelines } from './commands/pipelines.js';
import { plugins } from './commands/plugins.js';
import { query } from './commands/query.js';
import { rows } from './commands/rows.js';
import { schema } from './commands/schema.js';
import { send } from './commands/send.js';
import { serve } from './commands/serve.js';
import { tokens } from './commands/tokens.js';
import { manifest } from './manifest.js';

const program = new Command('hookline')
  .description('Webhooks in, warehouse rows out: nothing lost, nothing doubled.')
  .version(manifest.version)
  .showHelpAfterError('(add --help for what is possible)')
  .configureHelp({ showGlobalOptions: false });

for (const command of [
  serve,
  check,
  init,
  schema,
  plugins,
  tokens,
  pipelines,
  send,
  rows,
  query,
  drain,
  dead,
  discards,
  newConnector,
]) {
  command(program);
}
for (const command of allOf(program)) command.exitOverride();
endOnUncaught();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
  } else {
    const { text, exitCode } = explain(error);
    process.stderr.write(`${text}\n`);
    process.exitCode = exitCode;
  }
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}
