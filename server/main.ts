#!/usr/bin/env node
import 'reflect-metadata';
import { Command, CommanderError } from 'commander';
import { endOnUncaught, endWithReader, exitCodes, explain as explainError } from './cli/exit.js';
import { complain } from './cli/output.js';
import { manifest } from './manifest.js';

// Whatever this process and its children make is their user's alone, also in a folder that others can enter.
process.umask(0o077);

/** By their names: whoever runs one waits for no other to be loaded. */
const commands: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  serve: async () => (await import('./commands/serve.js')).serve,
  reload: async () => (await import('./commands/reload.js')).reload,
  check: async () => (await import('./commands/check.js')).check,
  init: async () => (await import('./commands/init.js')).init,
  schema: async () => (await import('./commands/schema.js')).schema,
  plugins: async () => (await import('./commands/plugins.js')).plugins,
  tokens: async () => (await import('./commands/tokens.js')).tokens,
  pipelines: async () => (await import('./commands/pipelines.js')).pipelines,
  explain: async () => (await import('./commands/explain.js')).explain,
  send: async () => (await import('./commands/send.js')).send,
  refused: async () => (await import('./commands/refused.js')).refused,
  rows: async () => (await import('./commands/rows.js')).rows,
  query: async () => (await import('./commands/query.js')).query,
  drain: async () => (await import('./commands/drain.js')).drain,
  compact: async () => (await import('./commands/compact.js')).compact,
  reconcile: async () => (await import('./commands/reconcile.js')).reconcile,
  request: async () => (await import('./commands/request.js')).request,
  spool: async () => (await import('./commands/spool.js')).spool,
  dead: async () => (await import('./commands/dead.js')).dead,
  discards: async () => (await import('./commands/discards.js')).discards,
  new: async () => (await import('./commands/new.js')).newConnector,
};

const program = new Command('hookline')
  .description('Webhooks in, warehouse rows out: nothing lost, nothing doubled.')
  .version(manifest.version)
  .showHelpAfterError('(add --help for what is possible)')
  .configureHelp({ showGlobalOptions: false });

const [name = ''] = process.argv.slice(2);
const wanted = Object.entries(commands).filter(
  ([command]) => command === name || !Object.hasOwn(commands, name),
);
for (const command of await Promise.all(wanted.map(([, load]) => load()))) command(program);
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
    complain(text);
    process.exitCode = exitCode;
  }
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}
