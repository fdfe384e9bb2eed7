import type { Command } from 'commander';
import type { Compaction } from '../../core/contract/destination.js';
import { instructionOf, messageOf } from '../../core/contract/errors.js';
import { formatBytes } from '../../core/kit/options.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption } from '../cli/options.js';
import { complain, print, printJson, printTable } from '../cli/output.js';
import { Session } from '../cli/session.js';

interface CompactOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly destination?: string;
}

interface Lake {
  readonly destination: string;
  readonly table: string;
}

type Done = Lake & Compaction;

export function compact(program: Command): void {
  program
    .command('compact [pipeline]')
    .description('merge the small files of past hours in a data lake, also while the server runs')
    .option('--destination <name>', 'in one destination only')
    .option('--dry-run', 'change nothing, and tell what would be merged')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((pipeline: string | undefined, options: CompactOptions) =>
      Session.run(options.config, async (session) => {
        const done: Done[] = [];
        for (const lake of lakesOf(session, pipeline, options.destination)) {
          try {
            done.push(...(await merge(session, lake, options.dryRun ?? false)));
          } catch (error) {
            fail(lake, error);
          }
        }
        if (options.json) printJson(done);
        else show(done);
      }),
    );
}

/** Whatever can be compacted, each table once. */
function lakesOf(session: Session, id: string | undefined, only: string | undefined): Lake[] {
  const pipelines = id === undefined ? [...session.config.pipelines.values()] : [session.pipeline(id)];
  const lakes = new Map<string, Lake>();
  for (const { table, destinations } of pipelines) {
    for (const destination of destinations) {
      if (only !== undefined && destination !== only) continue;
      if (session.outlet(destination).destination.compact === undefined) continue;
      lakes.set(JSON.stringify([destination, table]), { destination, table });
    }
  }
  if (lakes.size > 0) return [...lakes.values()];
  if (only !== undefined) session.outlet(only);
  const where = id === undefined ? 'this configuration' : `pipeline ${id}`;
  throw new CommandError(
    only === undefined
      ? `no destination of ${where} can be compacted; a parquet one can`
      : `destination ${only} has no table of ${where} that can be compacted; one of type parquet has`,
    exitCodes.usage,
  );
}

async function merge(session: Session, { destination, table }: Lake, dry: boolean): Promise<Done[]> {
  const outlet = session.outlet(destination);
  const { signal } = new AbortController();
  await outlet.open(signal);
  const done = (await outlet.destination.compact?.(table, dry, signal)) ?? [];
  return done.map((each) => ({ destination, table, ...each }));
}

/** What fails does not keep the other tables waiting. */
function fail({ destination, table }: Lake, error: unknown): void {
  const config = instructionOf(error) === 'config';
  if (instructionOf(error) === undefined) throw error;
  complain(`table ${table} of ${destination}: ${messageOf(error)}`);
  if (process.exitCode !== exitCodes.config) process.exitCode = config ? exitCodes.config : exitCodes.failed;
}

function show(done: readonly Done[]): void {
  if (done.length === 0) {
    print('nothing to merge');
    return;
  }
  printTable(
    ['DESTINATION', 'TABLE', 'WHERE', 'FILES', 'BYTES', 'MERGED INTO'],
    done.map(({ destination, table, place, pieces, bytes, mergedBytes }) => [
      destination,
      table,
      place,
      String(pieces),
      formatBytes(bytes),
      mergedBytes === undefined ? '-' : formatBytes(mergedBytes),
    ]),
  );
}
