import type { Command } from 'commander';
import { toChartRow } from '../../core/chart.js';
import { type DeadFilter, type DeadLetter, laneParts, type Spool } from '../../core/spool.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption, limitOption } from '../cli/options.js';
import { brief, print, printJson, printTable } from '../cli/output.js';
import { Progress } from '../cli/progress.js';
import { Session } from '../cli/session.js';

interface FilterOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly limit?: number;
  readonly pipeline?: string;
  readonly destination?: string;
  readonly all?: boolean;
}

export function dead(program: Command): void {
  const group = program.command('dead').description('dead letters: rows that a warehouse will never take');

  filters(group.command('list').description('the dead letters and why they died'))
    .addOption(limitOption(100, 'dead letters'))
    .addOption(jsonOption())
    .action((options: FilterOptions) =>
      Session.run(options.config, async (session) => {
        const letters = await (await session.spool()).dead(filterOf(options));
        if (options.json) printJson(letters.map(summary));
        else show(letters);
      }),
    );

  group
    .command('show <request>')
    .description('one dead letter with its body')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((requestId: string, options: FilterOptions) =>
      Session.run(options.config, async (session) => {
        const letters = await found(await session.spool(), { requestId });
        const full = letters.map((letter) => ({ ...summary(letter), ...toChartRow(letter) }));
        if (options.json) printJson(full);
        else
          for (const letter of full)
            for (const [name, value] of Object.entries(letter)) print(`${name}: ${value}`);
      }),
    );

  filters(group.command('replay [requests...]').description('put them back into their lanes'))
    .option('--all', 'all of them')
    .action((requests: string[], options: FilterOptions) =>
      each(requests, options, 'replayed', (spool, letter) => spool.revive(letter)),
    );

  filters(group.command('drop [requests...]').description('throw them away, for good'))
    .option('--all', 'all of them')
    .action((requests: string[], options: FilterOptions) =>
      each(requests, options, 'dropped', (spool, letter) => spool.drop(letter)),
    );
}

function filters(command: Command): Command {
  return command
    .option('--pipeline <id>', 'those of one pipeline')
    .option('--destination <name>', 'those of one destination')
    .addOption(configOption());
}

function filterOf({ pipeline, destination, limit }: FilterOptions): DeadFilter {
  return {
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(destination === undefined ? {} : { destination }),
    ...(limit === undefined ? {} : { limit }),
  };
}

async function found(spool: Spool, filter: DeadFilter): Promise<DeadLetter[]> {
  const letters = await spool.dead(filter);
  if (letters.length === 0 && filter.requestId !== undefined) {
    throw new CommandError(`there is no dead letter ${filter.requestId}`);
  }
  return letters;
}

function each(
  requests: readonly string[],
  options: FilterOptions,
  done: string,
  act: (spool: Spool, letter: DeadLetter) => Promise<boolean>,
): Promise<void> {
  const { pipeline, destination, all } = options;
  if (requests.length === 0 && !all && pipeline === undefined && destination === undefined) {
    throw new CommandError('say which: request ids, --pipeline, --destination, or --all', exitCodes.usage);
  }
  return Session.run(options.config, async (session) => {
    const spool = await session.spool();
    const filter = filterOf(options);
    const chosen = requests.length === 0 ? [filter] : requests.map((requestId) => ({ ...filter, requestId }));
    const letters = (await Promise.all(chosen.map((one) => found(spool, one)))).flat();
    const progress = new Progress(done, letters.length);
    let count = 0;
    for (const [at, letter] of letters.entries()) {
      if (await act(spool, letter)) count++;
      progress.update(at + 1);
    }
    progress.finish();
    print(`${count} ${count === 1 ? 'dead letter' : 'dead letters'} ${done}`);
  });
}

function summary(letter: DeadLetter) {
  return {
    requestId: letter.requestId,
    ...laneParts(letter.lane),
    diedAt: letter.diedAt.toISOString(),
    reason: letter.reason,
    bytes: letter.body.length,
  };
}

function show(letters: readonly DeadLetter[]): void {
  printTable(
    ['REQUEST ID', 'PIPELINE', 'DESTINATION', 'DIED', 'BYTES', 'REASON'],
    letters
      .map(summary)
      .map((one) => [
        one.requestId,
        one.pipeline,
        one.destination,
        one.diedAt,
        String(one.bytes),
        brief(one.reason, 100),
      ]),
  );
}
