import type { Command } from 'commander';
import { messageOf } from '../../core/contract/errors.js';
import type { Pipeline } from '../../core/contract/pipeline.js';
import { configOption, jsonOption } from '../cli/options.js';
import { complain, fill, paint, print, printJson } from '../cli/output.js';
import { Session } from '../cli/session.js';
import { type Explanation, explanationOf } from '../explanation.js';
import type { LaneOverview } from '../overview.js';
import { lanesOf } from './pipelines.js';

export function explain(program: Command): void {
  program
    .command('explain <pipeline>')
    .description(
      'in plain words: what is guaranteed, what happens when each part is down, how long a row takes',
    )
    .addOption(configOption())
    .addOption(jsonOption())
    .action((id: string, options: { config: string; json?: boolean }) =>
      Session.run(options.config, async (session) => {
        const pipeline = session.pipeline(id);
        const explanation = explanationOf(
          session.config,
          pipeline,
          untoldIn(session, pipeline),
          await stateOf(session, id),
        );
        if (options.json) printJson(explanation);
        else show(explanation);
      }),
    );
}

/** Where nothing notes which spool a batch is from; nothing is opened for that. */
function untoldIn(session: Session, { destinations }: Pipeline): string[] {
  return destinations.filter((name) => session.outlet(name).destination.newestBatch === undefined);
}

/** What the configuration means can be said also where the spool cannot be read. */
async function stateOf(session: Session, id: string): Promise<LaneOverview[]> {
  try {
    return (await lanesOf(session)).filter(({ pipeline }) => pipeline === id);
  } catch (error) {
    complain(`How it is now cannot be told: ${messageOf(error)}`);
    return [];
  }
}

function show({ pipeline, name, passages }: Explanation): void {
  print(paint('bold', `Pipeline ${pipeline}, ${name}`));
  for (const { title, sentences } of passages) {
    print(`\n${paint('bold', title)}`);
    for (const sentence of sentences) print(fill(sentence));
  }
}
