import type { Command } from 'commander';
import { laneParts } from '../../core/spool.js';
import { configOption, jsonOption, limitOption } from '../cli/options.js';
import { printJson, printTable } from '../cli/output.js';
import { Session } from '../cli/session.js';

export function discards(program: Command): void {
  program
    .command('discards')
    .description('requests that failed authentication')
    .command('list')
    .description('the newest ones and why')
    .addOption(limitOption(100, 'discards'))
    .addOption(configOption())
    .addOption(jsonOption())
    .action((options: { config: string; json?: boolean; limit: number }) =>
      Session.run(options.config, async (session) => {
        const entries = (await (await session.spool()).discards(options.limit)).map((entry) => ({
          requestId: entry.requestId,
          time: new Date(entry.timestamp * 1000).toISOString(),
          ...laneParts(entry.lane),
          key: entry.key,
          reason: entry.reason,
        }));
        if (options.json) printJson(entries);
        else {
          printTable(
            ['REQUEST ID', 'TIME', 'PIPELINE', 'DESTINATION', 'KEY', 'REASON'],
            entries.map((entry) => Object.values(entry)),
          );
        }
      }),
    );
}
