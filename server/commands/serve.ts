import { type Command, InvalidArgumentError, Option } from 'commander';
import { configOption } from '../cli/options.js';
import { Recruit } from '../recruit.js';
import { type RoleName, roles } from '../roles/role.js';

export function serve(program: Command): void {
  program
    .command('serve')
    .description('take webhooks in and land them')
    .addOption(configOption())
    .addOption(
      new Option('--role <roles>', 'all, or some of ack, load and admin, separated by commas')
        .argParser(rolesOf)
        .default(new Set<RoleName>(roles), 'all'),
    )
    .option('--welcome', 'mint a token and print a command that posts with it')
    .action(async (options) => {
      const recruit = options.role.has('ack') ? new Recruit() : undefined;
      try {
        // Other commands need neither express nor the logger: loading them takes longer than most commands do.
        await (await import('../serve.js')).run(options, recruit);
      } finally {
        recruit?.dismiss();
      }
    });
}

function rolesOf(text: string): ReadonlySet<RoleName> {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('all')) return new Set(roles);
  const chosen = roles.filter((role) => names.includes(role));
  if (chosen.length !== names.length || chosen.length === 0) {
    throw new InvalidArgumentError('expected all, or some of ack, load and admin, separated by commas');
  }
  return new Set(chosen);
}
