import type { Command } from 'commander';
import { instructionOf, messageOf } from '../../core/errors.js';
import { AdminClient } from '../cli/admin-client.js';
import { exitCodes } from '../cli/exit.js';
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
  findings.push(await find('spool', async () => (await session.spool()).check(signal)));
  findings.push(await find('tokens', async () => void (await (await session.tokens()).list())));
  for (const name of config.destinations.keys()) {
    const tables = [...config.pipelines.values()]
      .filter(({ destinations }) => destinations.includes(name))
      .map(({ table }) => table);
    findings.push(
      await find(`destination ${name}`, async () => {
        await checkDestination(session, name, [...new Set(tables)]);
      }),
    );
  }
  return findings;
}

/** A file that the running server holds cannot be opened beside it: then the server is asked. */
async function checkDestination(session: Session, name: string, tables: readonly string[]): Promise<void> {
  try {
    await checkTables(session.outlet(name), tables);
  } catch (error) {
    const admin = instructionOf(error) === 'retry' ? await AdminClient.find(session.config) : undefined;
    if (admin === undefined) throw error;
    await admin.post('/api/check', { destination: name, tables });
  }
}

async function find(what: string, look: () => Promise<void>): Promise<Finding> {
  try {
    await look();
    return { what, ok: true, config: false };
  } catch (error) {
    return { what, ok: false, config: instructionOf(error) === 'config', message: messageOf(error) };
  }
}

function lineOf({ what, ok, message }: Finding): string {
  const mark = ok ? paint('green', 'ok  ') : paint('red', 'FAIL');
  return `${mark}  ${what}${message === undefined ? '' : `: ${message}`}`;
}
