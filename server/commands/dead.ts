import { once } from 'node:events';
import type { Command } from 'commander';
import { toChartRow } from '../../core/contract/chart.js';
import { type DeadFilter, type DeadLetter, laneParts, type Spool } from '../../core/contract/spool.js';
import { deadPages } from '../../core/operations/pages.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption, limitOption } from '../cli/options.js';
import { brief, counted, print, printJson, printTable } from '../cli/output.js';
import { Progress } from '../cli/progress.js';
import { Session } from '../cli/session.js';

interface FilterOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly limit?: number;
  readonly pipeline?: string;
  readonly destination?: string;
  readonly reason?: string;
  readonly all?: boolean;
}

export function dead(program: Command): void {
  const group = program.command('dead').description('dead letters: rows that a warehouse will never take');

  filters(group.command('list').description('the dead letters and why they died'))
    .addOption(limitOption(100, 'dead letters'))
    .addOption(jsonOption())
    .action((options: FilterOptions) =>
      Session.run(options.config, async (session) => {
        const letters: Summary[] = [];
        for await (const page of deadPages(await session.spool(), filterOf(options))) {
          letters.push(...page.map(summary));
        }
        session.expectFound(letters.length, options.pipeline);
        if (options.json) printJson(letters);
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
        const full = letters.map(whole);
        if (options.json) printJson(full);
        else
          for (const letter of full)
            for (const [name, value] of Object.entries(letter)) print(`${name}: ${value}`);
      }),
    );

  filters(
    group.command('export').description('one line of JSON for each, with its body, to standard output'),
  ).action((options: FilterOptions) =>
    Session.run(options.config, async (session) => {
      const spool = await session.spool();
      const filter = filterOf(options);
      const progress = new Progress('exported', await total(spool, filter));
      let count = 0;
      for await (const page of deadPages(spool, filter)) {
        const lines = page.map((letter) => JSON.stringify(whole(letter))).join('\n');
        if (!print(lines)) await once(process.stdout, 'drain');
        count += page.length;
        if (!process.stdout.isTTY) progress.update(count);
      }
      progress.finish();
      session.expectFound(count, options.pipeline);
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
    .option('--reason <text>', 'those whose reason has this in it')
    .addOption(configOption());
}

function filterOf({ pipeline, destination, reason, limit }: FilterOptions): DeadFilter {
  return {
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(destination === undefined ? {} : { destination }),
    ...(reason === undefined ? {} : { reason }),
    ...(limit === undefined ? {} : { limit }),
  };
}

async function found(spool: Spool, filter: DeadFilter): Promise<DeadLetter[]> {
  const letters = await spool.dead(filter);
  if (letters.length === 0) throw new CommandError(`there is no dead letter ${filter.requestId}`);
  return letters;
}

/** How many there are; a reason is not counted by. */
async function total(
  spool: Spool,
  { pipeline, destination, reason }: DeadFilter,
): Promise<number | undefined> {
  if (reason !== undefined) return undefined;
  let sum = 0;
  for (const [lane, count] of await spool.deadCounts()) {
    const of = laneParts(lane);
    if ((pipeline ?? of.pipeline) === of.pipeline && (destination ?? of.destination) === of.destination) {
      sum += count;
    }
  }
  return sum;
}

function each(
  requests: readonly string[],
  options: FilterOptions,
  done: string,
  act: (spool: Spool, letter: DeadLetter) => Promise<boolean>,
): Promise<void> {
  const filter = filterOf(options);
  if (requests.length === 0 && !options.all && Object.keys(filter).length === 0) {
    const ways = 'request ids, --pipeline, --destination, --reason, or --all';
    throw new CommandError(`say which: ${ways}`, exitCodes.usage);
  }
  return Session.run(options.config, async (session) => {
    const spool = await session.spool();
    const progress = new Progress(done, requests.length > 0 ? requests.length : await total(spool, filter));
    let count = 0;
    const take = async (letters: readonly DeadLetter[]) => {
      const taken = await Promise.all(letters.map((letter) => act(spool, letter)));
      count += taken.filter(Boolean).length;
      progress.update(count);
    };
    const named = await Promise.all(requests.map((requestId) => found(spool, { ...filter, requestId })));
    await take(named.flat());
    if (requests.length === 0) for await (const page of deadPages(spool, filter)) await take(page);
    progress.finish();
    session.expectFound(count, options.pipeline);
    print(`${counted(count, 'dead letter', 'dead letters')} ${done}`);
  });
}

type Summary = ReturnType<typeof summary>;

function summary(letter: DeadLetter) {
  return {
    requestId: letter.requestId,
    ...laneParts(letter.lane),
    diedAt: letter.diedAt.toISOString(),
    reason: letter.reason,
    bytes: letter.body.length,
  };
}

/** With the body as it was posted. */
function whole(letter: DeadLetter) {
  return { ...summary(letter), ...toChartRow(letter) };
}

function show(letters: readonly Summary[]): void {
  printTable(
    ['REQUEST ID', 'PIPELINE', 'DESTINATION', 'DIED', 'BYTES', 'REASON'],
    letters.map((one) => [
      one.requestId,
      one.pipeline,
      one.destination,
      one.diedAt,
      String(one.bytes),
      brief(one.reason, 100),
    ]),
  );
}
