import type { Command } from 'commander';
import { AdminClient } from '../cli/admin-client.js';
import { CommandError } from '../cli/exit.js';
import { configOption } from '../cli/options.js';
import { counted, print } from '../cli/output.js';
import { Progress } from '../cli/progress.js';
import { Session } from '../cli/session.js';
import { lanesOf } from './pipelines.js';

export function drain(program: Command): void {
  program
    .command('drain [pipeline]')
    .description('wait until everything that waits has landed')
    .addOption(configOption())
    .action((pipeline: string | undefined, options: { config: string }) =>
      Session.run(options.config, async (session) => {
        if (pipeline !== undefined) session.pipeline(pipeline);
        if ((await AdminClient.find(session.config)) === undefined) {
          throw new CommandError('no server runs, so nothing lands; start one with hookline serve');
        }
        const landed = await wait(session, pipeline);
        print(`${counted(landed, 'record', 'records')} landed, nothing waits`);
      }),
    );
}

const landsNothing: ReadonlySet<string> = new Set(['paused', 'halted', 'removed']);

async function wait(session: Session, pipeline: string | undefined): Promise<number> {
  let progress: Progress | undefined;
  let total = 0;
  for (;;) {
    const lanes = (await lanesOf(session)).filter(
      (lane) => pipeline === undefined || lane.pipeline === pipeline,
    );
    const waiting = lanes.reduce((sum, { records }) => sum + records, 0);
    if (progress === undefined || waiting > total) {
      total = waiting;
      progress = new Progress('landed', total);
    }
    progress.update(total - waiting);
    if (waiting === 0) {
      progress.finish();
      return total;
    }
    const stuck = lanes.filter(({ records, state }) => records > 0 && landsNothing.has(state));
    if (stuck.length > 0 && stuck.reduce((sum, { records }) => sum + records, 0) === waiting) {
      progress.finish();
      const why = stuck.map(
        (lane) =>
          `${lane.pipeline}/${lane.destination} is ${lane.state}${lane.lastError === undefined ? '' : `: ${lane.lastError}`}`,
      );
      throw new CommandError(
        `${counted(waiting, 'record waits', 'records wait')} in lanes that land nothing: ${why.join('; ')}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
