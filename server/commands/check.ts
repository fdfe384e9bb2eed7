import type { Command } from 'commander';
import { instructionOf, messageOf } from '../../core/errors.js';
import { exitCodes } from '../cli/exit.js';
import { configOption, jsonOption } from '../cli/options.js';
import { paint, print, printJson } from '../cli/output.js';
import { Session } from '../cli/session.js';

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
        const outlet = session.outlet(name);
        await outlet.open(signal);
        await outlet.destination.check([...new Set(tables)], signal);
      }),
    );
  }
  return findings;
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
