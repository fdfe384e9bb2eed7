import type { Command } from 'commander';
import { ConfigError, instructionOf, messageOf } from '../../core/contract/errors.js';
import type { Spool } from '../../core/contract/spool.js';
import type { Token } from '../../core/contract/token-store.js';
import { tokenFault, uncertain } from '../../core/delivery/authenticator.js';
import { OriginGuard } from '../../core/delivery/origin-guard.js';
import { AdminClient, ServerError } from '../cli/admin-client.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption } from '../cli/options.js';
import { paint, print, printJson } from '../cli/output.js';
import { Session } from '../cli/session.js';
import { checkTables } from '../roles/load.js';

interface Finding {
  readonly what: string;
  readonly ok: boolean;
  /** The set-up is at fault, not the moment. */
  readonly config: boolean;
  readonly message?: string;
}

export function check(program: Command): void {
  program
    .command('check')
    .description('validate the configuration, and prove that every destination could be written to')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((options: { config: string; json?: boolean }) =>
      Session.run(options.config, async (session) => {
        const findings = await examine(session);
        if (options.json) printJson(findings);
        else for (const finding of findings) print(lineOf(finding));
        if (findings.some(({ ok, config }) => !ok && config)) process.exitCode = exitCodes.config;
        else if (findings.some(({ ok }) => !ok)) process.exitCode = exitCodes.failed;
      }),
    );
}

/** Everything in one go: what fails does not hide what else fails. */
async function examine(session: Session): Promise<Finding[]> {
  const { config } = session;
  const signal = AbortSignal.timeout(60_000);
  const findings: Finding[] = [{ what: 'configuration', ok: true, config: false, message: config.file }];
  let spool: Spool | undefined;
  findings.push(
    await find('spool', async () => {
      spool = await session.spool();
      await spool.check(signal);
    }),
  );
  let tokens: readonly Token[] | undefined;
  findings.push(
    await find('tokens', async () => {
      tokens = await (await session.tokens()).list();
    }),
  );
  for (const { id, signature } of config.pipelines.values()) {
    const key = signature?.key;
    if (key === undefined || tokens === undefined) continue;
    const token = tokens.find((each) => each.key === key);
    findings.push(await find(`signature of pipeline ${id}`, async () => checkStandIn(id, key, token)));
  }
  for (const name of config.destinations.keys()) {
    const tables = [...config.pipelines.values()]
      .filter(({ destinations }) => destinations.includes(name))
      .map(({ table }) => table);
    findings.push(
      await find(`destination ${name}`, () => checkDestination(session, name, [...new Set(tables)], spool)),
    );
  }
  return findings;
}

/** What the signature lets in at the door is discarded afterwards, where the token that stands in is no good. */
function checkStandIn(pipeline: string, key: string, token: Token | undefined): void {
  const reason = tokenFault(token, pipeline);
  if (reason === undefined || reason === uncertain) return;
  throw new ConfigError(
    `all of it will be discarded (${reason}): mend the token, or name another than ${key}`,
  );
}

/**
 * A file that the running server holds cannot be opened beside it: then the server is asked. It is also told of a
 * destination that is well, so that lanes that wait to try it again need not wait any longer; where it cannot reach it
 * itself, as with a password that only the environment of its start has, that is said.
 */
async function checkDestination(
  session: Session,
  name: string,
  tables: readonly string[],
  spool: Spool | undefined,
): Promise<string | undefined> {
  const outlet = session.outlet(name);
  const guard = spool && new OriginGuard(spool);
  const here = await failureOf(() =>
    checkTables(outlet, tables, guard && ((open, signal) => guard.check(open, signal))),
  );
  // A file is then free for the server. Whether it closes well says nothing of whether it can be written to.
  await failureOf(() => outlet.close());
  if (here !== undefined && instructionOf(here) !== 'retry') throw here;
  const server = await AdminClient.find(session.config);
  const there = await failureOf(async () => server?.post('/api/check', { destination: name, tables }));
  if (server === undefined || (there instanceof ServerError && there.loadsNothing)) {
    if (here !== undefined) throw here;
    return undefined;
  }
  if (there === undefined) return undefined;
  const finding =
    `the server that runs cannot use it: ${messageOf(there)}; it has the configuration that was last reloaded, and ` +
    'the environment of its start';
  if (here === undefined) return `well from here, but ${finding}`;
  throw new CommandError(finding, there instanceof CommandError ? there.exitCode : exitCodes.failed);
}

/** What it fails with, if it does. */
async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** @param look resolves to what there is to say of what is well */
async function find(what: string, look: () => Promise<unknown>): Promise<Finding> {
  try {
    const message = await look();
    return { what, ok: true, config: false, ...(typeof message === 'string' && { message }) };
  } catch (error) {
    const message = messageOf(error);
    // What fails says its name, and the line has it already.
    const name = `${what.split(' ').at(-1)}: `;
    return {
      what,
      ok: false,
      config: isConfig(error),
      message: message.startsWith(name) ? message.slice(name.length) : message,
    };
  }
}

function isConfig(error: unknown): boolean {
  return (
    instructionOf(error) === 'config' ||
    (error instanceof CommandError && error.exitCode === exitCodes.config)
  );
}

function lineOf({ what, ok, message }: Finding): string {
  const mark = ok ? paint('green', 'ok  ') : paint('red', 'FAIL');
  return `${mark}  ${what}${message === undefined ? '' : `: ${message}`}`;
}
