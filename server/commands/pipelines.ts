import type { Command } from 'commander';
import { formatBytes } from '../../core/kit/options.js';
import { AdminClient } from '../cli/admin-client.js';
import { configOption, jsonOption } from '../cli/options.js';
import { age, brief, fill, paint, print, printJson, printTable } from '../cli/output.js';
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

/** All in one line where it is piped; on a terminal what is long comes below the table, so that this fits. */
function show(lanes: readonly LaneOverview[]): void {
  const isTerminal = process.stdout.isTTY;
  const long = (...cells: string[]) => (isTerminal ? [] : cells);
  printTable(
    [
      'PIPELINE',
      ...long('NAME'),
      'DESTINATION',
      'TABLE',
      'STATE',
      'WAITING',
      'BYTES',
      'LAG',
      'DEAD',
      'DISCARDED',
      ...long('URL', 'LAST ERROR'),
    ],
    lanes.map((lane) => [
      lane.pipeline,
      ...long(brief(lane.name, 30)),
      lane.destination,
      lane.table,
      paint(colours[lane.state], lane.state),
      String(lane.records),
      formatBytes(lane.bytes),
      age(lane.lag),
      String(lane.deadLetters),
      String(lane.discards),
      ...long(lane.url, lane.lastError ?? '-'),
    ]),
    ['DESTINATION', 'TABLE'],
  );
  if (!isTerminal) return;
  print('');
  for (const line of new Set(lanes.map(({ name, url }) => `${brief(name, 30)}: ${url}`))) print(line);
  for (const { pipeline, destination, lastError } of lanes) {
    if (lastError !== undefined) print(`\n${fill(`${pipeline}/${destination}: ${lastError}`)}`);
  }
}
