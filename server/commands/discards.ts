import type { Command } from 'commander';
import { toChartRow } from '../../core/contract/chart.js';
import type { HeldDiscard, HeldFilter, Quarantine } from '../../core/contract/quarantine.js';
import { type DiscardEntry, laneParts } from '../../core/contract/spool.js';
import type { Token } from '../../core/contract/token-store.js';
import { recordFault } from '../../core/delivery/authenticator.js';
import { heldPages } from '../../core/operations/pages.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption, limitOption } from '../cli/options.js';
import { complain, counted, print, printJson, printTable } from '../cli/output.js';
import { Progress } from '../cli/progress.js';
import { Session } from '../cli/session.js';

interface Options {
  readonly config: string;
  readonly json?: boolean;
  readonly limit?: number;
  readonly held?: boolean;
  readonly pipeline?: string;
  readonly key?: string;
  readonly reason?: string;
  readonly all?: boolean;
}

export function discards(program: Command): void {
  const group = program.command('discards').description('requests that failed authentication');

  filters(
    group
      .command('list')
      .description('the newest ones and why; with --held those that are held, oldest first'),
  )
    .option('--held', 'those that are held with their body')
    .addOption(limitOption(100, 'discards'))
    .addOption(jsonOption())
    .action((options: Options) =>
      Session.run(options.config, async (session) => {
        const entries = options.held ? await listHeld(session, options) : await listNewest(session, options);
        session.expectFound(entries.length, options.pipeline);
        if (options.json) printJson(entries);
        else {
          printTable(
            [
              'REQUEST ID',
              'TIME',
              'PIPELINE',
              'DESTINATION',
              'KEY',
              'REASON',
              ...(options.held ? ['UNTIL'] : []),
            ],
            entries.map((entry) => Object.values(entry)),
          );
        }
      }),
    );

  group
    .command('show <request>')
    .description('one that is held, with its body')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((requestId: string, options: Options) =>
      Session.run(options.config, async (session) => {
        const found = await held(await quarantineOf(session), { requestId });
        const full = found.map((one) => ({ ...summary(one), ...toChartRow(one) }));
        if (options.json) printJson(full);
        else
          for (const one of full) for (const [name, value] of Object.entries(one)) print(`${name}: ${value}`);
      }),
    );

  filters(
    group
      .command('release [requests...]')
      .description('put what is held back into its lane, to be judged by its token anew'),
  )
    .option('--all', 'all that are held')
    .action((requests: string[], options: Options) => {
      const judge = new Judge();
      return each(requests, options, 'released', judge.release, () => judge.rest);
    });

  filters(group.command('drop [requests...]').description('throw what is held away, for good'))
    .option('--all', 'all that are held')
    .action((requests: string[], options: Options) =>
      each(requests, options, 'dropped', (one, quarantine) => quarantine.drop(one)),
    );
}

function filters(command: Command): Command {
  return command
    .option('--pipeline <id>', 'those of one pipeline')
    .option('--key <key>', 'those of one key')
    .option('--reason <text>', 'those whose reason has this in it')
    .addOption(configOption());
}

function filterOf({ pipeline, key, reason, limit }: Options): HeldFilter {
  return {
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(key === undefined ? {} : { key: key.toLowerCase() }),
    ...(reason === undefined ? {} : { reason }),
    ...(limit === undefined ? {} : { limit }),
  };
}

async function quarantineOf(session: Session): Promise<Quarantine> {
  const { quarantine } = await session.spool();
  if (quarantine !== undefined) return quarantine;
  throw new CommandError(
    `spool ${session.config.spool.plugin.name} holds nothing that failed authentication`,
  );
}

async function held(quarantine: Quarantine, filter: HeldFilter): Promise<HeldDiscard[]> {
  const found = await quarantine.list(filter);
  if (found.length > 0) return found;
  throw new CommandError(
    `no request ${filter.requestId} is held; only what is discarded while \`discards: { keep: … }\` is set is, and no longer`,
  );
}

async function listNewest(session: Session, options: Options) {
  const { pipeline, key, reason, limit = 0 } = filterOf(options);
  const fits = (entry: DiscardEntry) =>
    (pipeline ?? laneParts(entry.lane).pipeline) === laneParts(entry.lane).pipeline &&
    (key ?? entry.key) === entry.key &&
    entry.reason.includes((reason ?? '').toLowerCase());
  const isFiltered = pipeline !== undefined || key !== undefined || reason !== undefined;
  const entries = await (await session.spool()).discards(isFiltered ? Number.MAX_SAFE_INTEGER : limit);
  return entries.filter(fits).slice(0, limit).map(trailed);
}

async function listHeld(session: Session, options: Options) {
  const found: ReturnType<typeof summary>[] = [];
  const quarantine = await quarantineOf(session);
  for await (const page of heldPages(quarantine, filterOf(options))) found.push(...page.map(summary));
  const { thrownAway } = await quarantine.counts();
  if (thrownAway > 0) {
    complain(`${thrownAway} more were not held, or not to their end: there was no room for them.`);
  }
  return found;
}

function each(
  requests: readonly string[],
  options: Options,
  done: string,
  act: (one: HeldDiscard, quarantine: Quarantine, session: Session) => Promise<boolean>,
  rest = () => '',
): Promise<void> {
  const filter = filterOf(options);
  if (requests.length === 0 && !options.all && Object.keys(filter).length === 0) {
    const ways = 'request ids, --pipeline, --key, --reason, or --all';
    throw new CommandError(`say which: ${ways}`, exitCodes.usage);
  }
  return Session.run(options.config, async (session) => {
    const quarantine = await quarantineOf(session);
    const isAll = requests.length === 0 && Object.keys(filter).length === 0;
    const progress = new Progress(done, isAll ? (await quarantine.counts()).held : undefined);
    let count = 0;
    let met = 0;
    const take = async (some: readonly HeldDiscard[]) => {
      met += some.length;
      const taken = await Promise.all(some.map((one) => act(one, quarantine, session)));
      count += taken.filter(Boolean).length;
      progress.update(count);
    };
    const named = await Promise.all(requests.map((requestId) => held(quarantine, { ...filter, requestId })));
    await take(named.flat());
    if (requests.length === 0) for await (const page of heldPages(quarantine, filter)) await take(page);
    progress.finish();
    session.expectFound(met, options.pipeline);
    print(`${counted(count, 'discard', 'discards')} ${done}${rest()}`);
  });
}

/**
 * Judges what is held as the load path will. What has no good token by now stays as it is, until its time: put into
 * its lane it would only come back, to be held as long once more.
 */
class Judge {
  readonly #tokens = new Map<string, Promise<Token | undefined>>();
  readonly #faults = new Map<string, number>();

  readonly release = async (one: HeldDiscard, quarantine: Quarantine, session: Session): Promise<boolean> => {
    const { key, tokenDigest, lane } = one;
    let token = this.#tokens.get(key);
    token ??= session.tokens().then((store) => store.find(key));
    this.#tokens.set(key, token);
    const fault = recordFault(await token, tokenDigest, laneParts(lane).pipeline);
    if (fault === undefined) return quarantine.release(one);
    this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + 1);
    return false;
  };

  /** What is said of those that are not released. */
  get rest(): string {
    if (this.#faults.size === 0) return '';
    const total = [...this.#faults.values()].reduce((sum, count) => sum + count, 0);
    const reasons = [...this.#faults].map(([reason, count]) => `${reason} ${count}`);
    return `, ${total.toLocaleString('en')} held again until the time that was set (${reasons.join(', ')})`;
  }
}

function trailed({ requestId, timestamp, lane, key, reason }: DiscardEntry | HeldDiscard) {
  return { requestId, time: new Date(timestamp * 1000).toISOString(), ...laneParts(lane), key, reason };
}

function summary(one: HeldDiscard) {
  return { ...trailed(one), heldUntil: one.heldUntil.toISOString() };
}
