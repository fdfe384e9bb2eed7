import type { Command } from 'commander';
import { formatBytes } from '../../core/options.js';
import { AdminClient } from '../cli/admin-client.js';
import { configOption, jsonOption } from '../cli/options.js';
import { age, brief, paint, printJson, printTable } from '../cli/output.js';
import { Session } from '../cli/session.js';
import { webhookUrl } from '../instance.js';
import { type LaneOverview, overview } from '../overview.js';

export function pipelines(program: Command): void {
  program
    .command('pipelines')
    .description('every pipeline: URL, destination, state, what waits, the last error')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((options: { config: string; json?: boolean }) =>
      Session.run(options.config, async (session) => {
        const lanes = await lanesOf(session);
        if (options.json) printJson(lanes);
        else show(lanes);
      }),
    );
}

/** From the server where one runs, as it knows the lanes' states; from the spool where none does. */
export async function lanesOf(session: Session): Promise<LaneOverview[]> {
  const admin = await AdminClient.find(session.config);
  if (admin !== undefined) return admin.get('/api/pipelines');
  return overview(session.config, await session.spool(), [], webhookUrl(session.config));
}

const colours = {
  running: 'green',
  paused: 'yellow',
  retrying: 'yellow',
  halted: 'red',
  stopped: 'gray',
  removed: 'red',
} as const;

function show(lanes: readonly LaneOverview[]): void {
  printTable(
    [
      'PIPELINE',
      'NAME',
      'DESTINATION',
      'TABLE',
      'STATE',
      'WAITING',
      'BYTES',
      'LAG',
      'DEAD',
      'DISCARDED',
      'URL',
      'LAST ERROR',
    ],
    lanes.map((lane) => [
      lane.pipeline,
      brief(lane.name, 30),
      lane.destination,
      lane.table,
      paint(colours[lane.state], lane.state),
      String(lane.records),
      formatBytes(lane.bytes),
      age(lane.lag),
      String(lane.deadLetters),
      String(lane.discards),
      lane.url,
      lane.lastError ?? '-',
    ]),
  );
}
