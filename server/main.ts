#!/usr/bin/env node
import 'reflect-metadata';
import { Command, CommanderError } from 'commander';
import { endOnUncaught, endWithReader, exitCodes, explain as explainError } from './cli/exit.js';
import { check } from './commands/check.js';
import { compact } from './commands/compact.js';
import { dead } from './commands/dead.js';
import { discards } from './commands/discards.js';
import { drain } from './commands/drain.js';
import { explain } from './commands/explain.js';
import { init } from './commands/init.js';
import { newConnector } from './commands/new.js';
import { pipelines } from './commands/pipelines.js';
import { plugins } from './commands/plugins.js';
import { query } from './commands/query.js';
import { reconcile } from './commands/reconcile.js';
import { reload } from './commands/reload.js';
import { request } from './commands/request.js';
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
  reload,
  check,
  init,
  schema,
  plugins,
  tokens,
  pipelines,
  explain,
  send,
  rows,
  query,
  drain,
  compact,
  reconcile,
  request,
  dead,
  discards,
  newConnector,
]) {
  command(program);
}
for (const command of allOf(program)) command.exitOverride();
endOnUncaught();
// The server goes on when nobody reads its log any more.
program.hook('preAction', (_, command) => {
  if (command.name() !== 'serve') endWithReader();
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
  } else {
    const { text, exitCode } = explainError(error);
    process.stderr.write(`${text}\n`);
    process.exitCode = exitCode;
  }
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}
