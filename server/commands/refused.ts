import type { Command } from 'commander';
import type { Refusal } from '../../core/intake/refusals.js';
import { AdminClient } from '../cli/admin-client.js';
import { CommandError } from '../cli/exit.js';
import { configOption, jsonOption, limitOption } from '../cli/options.js';
import { age, brief, print, printJson, printTable } from '../cli/output.js';
import { Session } from '../cli/session.js';

interface RefusedOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly limit: number;
}

export function refused(program: Command): void {
  program
    .command('refused [pipeline]')
    .description('what senders were refused last, of one pipeline or of all: a form, bad JSON, a missing key')
    .addOption(limitOption(20, 'refusals'))
    .addOption(configOption())
    .addOption(jsonOption())
    .action((pipeline: string | undefined, options: RefusedOptions) =>
      Session.run(options.config, async (session) => {
        if (pipeline !== undefined) session.pipeline(pipeline);
        const admin = await AdminClient.find(session.config);
        if (admin === undefined) {
          throw new CommandError('no server runs here: what it has refused is in its memory alone');
        }
        const query = new URLSearchParams({ limit: String(options.limit), ...(pipeline && { pipeline }) });
        const found = await admin.get<Refusal[]>(`/api/refused?${query}`);
        if (options.json) printJson(found);
        else show(found);
      }),
    );
}

function show(found: readonly Refusal[]): void {
  if (found.length === 0 && process.stdout.isTTY) {
    print('Nothing was refused since the ack workers were started: what one refused goes with it.');
    return;
  }
  printTable(
    ['PIPELINE', 'LAST', 'TIMES', 'ERROR', 'CLIENT', 'BYTES', 'CONTENT TYPE', 'USER AGENT'],
    found.map(({ pipeline, at, count, error, client, size, contentType, userAgent }) => [
      pipeline || '-',
      process.stdout.isTTY ? `${age((Date.now() - at) / 1000)} ago` : new Date(at).toISOString(),
      String(count),
      error,
      client || '-',
      size === undefined ? '-' : String(size),
      brief(contentType ?? '-', 40),
      brief(userAgent ?? '-', 40),
    ]),
  );
}
