import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Token, TokenStore } from '../../core/contract/token-store.js';
import { mint } from '../../core/operations/mint.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption } from '../cli/options.js';
import { age, paint, print, printJson, printTable } from '../cli/output.js';
import { Session } from '../cli/session.js';
import { readyUrl } from '../urls.js';

interface CreateOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly description: string;
  readonly pipelines?: readonly string[];
  readonly expires?: Date;
}

export function tokens(program: Command): void {
  const group = program
    .command('tokens')
    .description('create, list, activate, deactivate and delete access tokens');

  group
    .command('create')
    .description('mint a token; it is shown this once')
    .requiredOption('--description <text>', 'what it is for: one token for each application')
    .option('--pipelines <ids>', 'the pipelines that it may post to, separated by commas (all)', listOf)
    .option('--expires <when>', 'a date (2027-01-31) or a time from now (90d, 12h) (never)', momentOf)
    .addOption(configOption())
    .addOption(jsonOption())
    .action((options: CreateOptions) => Session.run(options.config, (session) => create(session, options)));

  group
    .command('list')
    .description('all tokens; never the token itself')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((options: { config: string; json?: boolean }) =>
      Session.run(options.config, (session) => list(session, options.json ?? false)),
    );

  for (const [verb, active] of [
    ['activate', true],
    ['deactivate', false],
  ] as const) {
    group
      .command(`${verb} <key>`)
      .description(`${verb} a token by its key; takes effect within five seconds`)
      .addOption(configOption())
      .action((key: string, options: { config: string }) =>
        Session.run(options.config, async (session) => {
          const store = await session.tokens();
          await expectKnown(store, key.toLowerCase());
          await store.setActive(key.toLowerCase(), active);
          print(`${key.toLowerCase()} is ${active ? 'active' : 'deactivated'}`);
        }),
      );
  }

  group
    .command('delete <key>')
    .description('forget a token by its key, for good')
    .addOption(configOption())
    .action((key: string, options: { config: string }) =>
      Session.run(options.config, (session) => remove(session, key.toLowerCase())),
    );
}

async function remove(session: Session, key: string): Promise<void> {
  const store = await session.tokens();
  if (store.delete === undefined) {
    const { name } = session.config.tokens.plugin;
    throw new CommandError(`token store ${name} deletes no tokens; deactivate it`, exitCodes.usage);
  }
  await expectKnown(store, key);
  await store.delete(key);
  print(`${key} is deleted; what was posted with it, and has not been judged yet, is discarded`);
}

/** A key that is mistyped is no fault of the configuration, as which a store would report it. */
async function expectKnown(store: TokenStore, key: string): Promise<void> {
  if ((await store.find(key)) !== undefined) return;
  throw new CommandError(`there is no token with the key ${key}; hookline tokens list shows their keys`);
}

async function create(session: Session, options: CreateOptions): Promise<void> {
  const { description, pipelines, expires } = options;
  for (const id of pipelines ?? []) session.pipeline(id);
  if (description.trim() === '') {
    throw new CommandError('the description must say what the token is for', exitCodes.usage);
  }
  const { token, stored } = mint({
    description,
    ...(pipelines === undefined ? {} : { pipelines }),
    ...(expires === undefined ? {} : { expiresAt: expires }),
  });
  await (await session.tokens()).create(stored);
  const targets = pipelines ?? [...session.config.pipelines.keys()];
  const urls = Object.fromEntries(targets.map((id) => [id, readyUrl(session.config, id, stored.key, token)]));
  if (options.json) {
    printJson({ key: stored.key, token, urls });
    return;
  }
  print(`key    ${stored.key}`);
  print(`token  ${token}`);
  print(paint('yellow', 'This is the only time that the token is shown.'));
  for (const [id, url] of Object.entries(urls)) {
    print(`\n${session.pipeline(id).name} (${id})\n${url}`);
  }
}

async function list(session: Session, json: boolean): Promise<void> {
  const found = await (await session.tokens()).list();
  if (json) {
    printJson(found.map(describe));
    return;
  }
  printTable(
    ['KEY', 'STATE', 'DESCRIPTION', 'PIPELINES', 'CREATED', 'LAST USED', 'EXPIRES'],
    found.map((token) => [
      token.key,
      paint(stateOf(token) === 'active' ? 'green' : 'red', stateOf(token)),
      token.description,
      token.pipelines?.join(',') ?? 'all',
      `${age((Date.now() - token.createdAt.getTime()) / 1000)} ago`,
      token.lastUsedAt === undefined
        ? 'never'
        : `${age((Date.now() - token.lastUsedAt.getTime()) / 1000)} ago`,
      token.expiresAt?.toISOString() ?? 'never',
    ]),
  );
}

function describe(token: Token) {
  const { key, description, pipelines, createdAt, lastUsedAt, expiresAt } = token;
  return {
    key,
    state: stateOf(token),
    description,
    pipelines: pipelines ?? null,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}

function stateOf(token: Token): 'active' | 'deactivated' | 'expired' {
  if (!token.active) return 'deactivated';
  return token.expiresAt !== undefined && token.expiresAt <= new Date() ? 'expired' : 'active';
}

function listOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(',')
        .map((id) => id.trim())
        .filter((id) => id !== ''),
    ),
  ];
}

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function momentOf(text: string): Date {
  const span = /^(\d+)([mhd])$/.exec(text);
  const unit = span?.[2] === undefined ? undefined : units[span[2]];
  const moment =
    span !== null && unit !== undefined ? new Date(Date.now() + Number(span[1]) * unit) : new Date(text);
  if (Number.isNaN(moment.getTime())) {
    throw new InvalidArgumentError('expected a date such as 2027-01-31, or a time from now such as 90d');
  }
  if (moment <= new Date()) throw new InvalidArgumentError('that is in the past');
  return moment;
}
