import { type Command, InvalidArgumentError, Option } from 'commander';
import type { TableName, TimeRange } from '../../core/contract/destination.js';
import type { Pipeline } from '../../core/contract/pipeline.js';
import type { Receipts } from '../../core/contract/receipts.js';
import { laneId, type Spool } from '../../core/contract/spool.js';
import type { Outlet } from '../../core/delivery/outlet.js';
import { reconcile as compare, type RequestIds } from '../../core/operations/reconciler.js';
import { AdminClient } from '../cli/admin-client.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption, limitOption } from '../cli/options.js';
import { print, printJson } from '../cli/output.js';
import { Progress } from '../cli/progress.js';
import { Session } from '../cli/session.js';
import { linesOf, type Report, Sum } from '../reconciliation.js';
import { type ListingPage, requestIdsOf } from '../roles/listings.js';

interface Options {
  readonly config: string;
  readonly json?: boolean;
  readonly limit: number;
  readonly destination?: string;
  readonly from?: Date;
  readonly to?: Date;
  readonly acknowledge?: boolean;
}

export function reconcile(program: Command): void {
  program
    .command('reconcile <pipeline>')
    .description(
      'compare what has landed by the receipts with what the warehouse holds; exits with 3 where they differ',
    )
    .option('--destination <name>', "one of the pipeline's destinations (all)")
    .addOption(timeOption('--from <time>', 'requests of that time and later'))
    .addOption(timeOption('--to <time>', 'requests before that time'))
    .option('--acknowledge', 'what is missing was deleted on purpose: forget its receipts')
    .addOption(limitOption(100, 'request ids named of each kind'))
    .addOption(configOption())
    .addOption(jsonOption())
    .action((id: string, options: Options) => {
      const { from, to } = options;
      if (from !== undefined && to !== undefined && from >= to) {
        throw new CommandError(
          'no time lies between --from and --to: --from has to be the earlier',
          exitCodes.usage,
        );
      }
      return Session.run(options.config, async (session) => {
        const spool = await session.spool();
        const reports: Report[] = [];
        for (const outlet of outletsOf(session, id, options)) {
          reports.push(...(await reportsOn(session, spool, session.pipeline(id), outlet, options)));
        }
        if (options.json) printJson(reports);
        else for (const report of reports) for (const line of linesOf(report)) print(line);
        if (reports.some(({ missing, doubled }) => (options.acknowledge ? 0 : missing) + doubled > 0))
          process.exitCode = exitCodes.differs;
      });
    });
}

function timeOption(flags: string, description: string): Option {
  return new Option(flags, `${description}, such as 2026-11-24T06:00:00Z`).argParser((text) => {
    const time = new Date(text);
    if (Number.isNaN(time.getTime()))
      throw new InvalidArgumentError('expected a time such as 2026-11-24T06:00:00Z');
    return time;
  });
}

function outletsOf(session: Session, id: string, { destination }: Options): Outlet[] {
  const { destinations } = session.pipeline(id);
  if (destination !== undefined && !destinations.includes(destination)) {
    const known = destinations.join(', ');
    throw new CommandError(
      `pipeline ${id} has no destination ${destination}; it has: ${known}`,
      exitCodes.usage,
    );
  }
  return destinations
    .filter((name) => destination === undefined || name === destination)
    .map((name) => session.outlet(name));
}

/** One for each table that the receipts say it has landed in. */
async function reportsOn(
  session: Session,
  spool: Spool,
  pipeline: Pipeline,
  outlet: Outlet,
  options: Options,
): Promise<Report[]> {
  const receipts = receiptsOf(session, spool);
  const lane = laneId(pipeline.id, outlet.name);
  const range = {
    from: (options.from?.getTime() ?? Number.NEGATIVE_INFINITY) / 1000,
    to: (options.to?.getTime() ?? Number.POSITIVE_INFINITY) / 1000,
  };
  const { records: waiting } = await spool.depth(lane);
  const { thrownAway, since } = await receipts.counts();
  if (session.config.receipts === undefined && since === undefined) {
    throw new CommandError(
      'no receipts are kept of what lands: put receipts: { keep: 7d } into the file',
      exitCodes.config,
    );
  }
  const { acknowledge = false } = options;
  const sums = new Map<TableName, Sum>();
  const progress = new Progress(`${lane}: receipts compared`);
  let compared = 0;
  const listed = await listing(session, outlet);
  for await (const part of compare(receipts, lane, pipeline.table, listed, { range, acknowledge })) {
    const sum = sums.get(part.table) ?? new Sum(options.limit);
    sums.set(part.table, sum);
    sum.add(part);
    compared += part.receipts;
    progress.update(compared);
  }
  progress.finish();
  if (sums.size === 0) sums.set(pipeline.table, new Sum(options.limit));
  const deadLetters = (await spool.deadCounts()).get(lane) ?? 0;
  return [...sums].map(([table, sum]) => ({
    pipeline: pipeline.id,
    destination: outlet.name,
    table,
    ...sum.report(),
    acknowledged: acknowledge,
    waiting,
    deadLetters,
    receiptsThrownAway: thrownAway,
  }));
}

function receiptsOf({ config }: Session, { receipts }: Spool): Receipts {
  if (receipts === undefined) {
    throw new CommandError(`spool ${config.spool.plugin.name} remembers nothing that has landed`);
  }
  return receipts;
}

/** By the server where one runs, which may be the only one that can open the warehouse. */
async function listing(session: Session, outlet: Outlet): Promise<RequestIds> {
  const admin = await AdminClient.find(session.config);
  const destination = outlet.name;
  return async function* (table: TableName, range: TimeRange) {
    if (admin === undefined) {
      yield* requestIdsOf(outlet, table, range, new AbortController().signal);
      return;
    }
    let page = await admin.post<ListingPage>('/api/request-ids', { destination, table, ...range });
    for (;;) {
      yield page.ids;
      if (page.cursor === undefined) return;
      page = await admin.post<ListingPage>('/api/request-ids', { cursor: page.cursor });
    }
  };
}
