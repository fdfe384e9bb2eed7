import type { Command } from 'commander';
import { type ChartRow, toChartRow } from '../../core/contract/chart.js';
import { AdminClient } from '../cli/admin-client.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption, limitOption } from '../cli/options.js';
import { brief, printJson, printTable } from '../cli/output.js';
import { Session } from '../cli/session.js';
import { newestRows } from '../roles/reading.js';

interface RowsOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly limit: number;
  readonly destination?: string;
}

export function rows(program: Command): void {
  program
    .command('rows <pipeline>')
    .description('the newest rows of a pipeline, from the warehouse itself')
    .addOption(limitOption(10, 'rows'))
    .option('--destination <name>', "which of the pipeline's destinations (the first)")
    .addOption(configOption())
    .addOption(jsonOption())
    .action((pipeline: string, options: RowsOptions) =>
      Session.run(options.config, async (session) => {
        const found = await newest(session, pipeline, options);
        if (options.json) printJson(found);
        else show(found);
      }),
    );
}

async function newest(session: Session, id: string, options: RowsOptions): Promise<readonly ChartRow[]> {
  const pipeline = session.pipeline(id);
  const destination = options.destination ?? (pipeline.destinations[0] as string);
  if (!pipeline.destinations.includes(destination)) {
    const known = pipeline.destinations.join(', ');
    throw new CommandError(
      `pipeline ${id} has no destination ${destination}; it has: ${known}`,
      exitCodes.usage,
    );
  }
  const admin = await AdminClient.find(session.config);
  if (admin !== undefined) {
    const query = new URLSearchParams({ destination, limit: String(options.limit) });
    return admin.get(`/api/pipelines/${id}/rows?${query}`);
  }
  return (await newestRows(session.outlet(destination), pipeline.table, options.limit)).map(toChartRow);
}

function show(found: readonly ChartRow[]): void {
  printTable(
    ['REQUEST ID', 'TIME', 'KEY', 'BODY'],
    found.map((row) => [
      row.__kdd_request_id,
      new Date(row.__kdd_request_unix_timestamp * 1000).toISOString(),
      row.__kdd_requester_key,
      process.stdout.isTTY ? brief(row.__kdd_request_body, 100) : row.__kdd_request_body,
    ]),
  );
}
