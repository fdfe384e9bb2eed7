import type { Command } from 'commander';
import type { Config } from '../../config/schema.js';
import { type LaneId, laneParts, type Spool } from '../../core/contract/spool.js';
import { CommandError } from '../cli/exit.js';
import { configOption, jsonOption } from '../cli/options.js';
import { print, printJson } from '../cli/output.js';
import { Session } from '../cli/session.js';

/** What is known of a request in one lane. */
interface Trace {
  readonly state: 'waiting' | 'sealed' | 'landed' | 'dead' | 'held' | 'discarded';
  readonly pipeline: string;
  readonly destination: string;
  readonly accepted: string;
  /** A receipt has none. */
  readonly key?: string;
  readonly bytes?: number;
  /** Under which it is in the ledger of its warehouse, or will be. */
  readonly batch?: string;
  /** Where it landed; where its receipt does not say, the table that the configuration has now. */
  readonly table?: string;
  readonly reason?: string;
  readonly at?: string;
  readonly until?: string;
}

/** What it may be that the spool knows nothing of. */
function unknownOf({ receipts }: Config): string {
  const landed =
    receipts === undefined
      ? 'it has landed (receipts: { keep: 7d } would tell)'
      : 'it landed before its receipt ended';
  return (
    `${landed}, or was dropped, or failed authentication long ago, or was never answered 200; ` +
    'look for its __kdd_request_id in the warehouse'
  );
}

export function request(program: Command): void {
  program
    .command('request <request>')
    .description('where a request is: waiting, landed, dead or discarded; when, and why')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((requestId: string, options: { config: string; json?: boolean }) =>
      Session.run(options.config, async (session) => {
        const traces = await trace(await session.spool(), session.config, requestId);
        if (traces.length === 0) {
          const what = unknownOf(session.config);
          throw new CommandError(`nothing is known of request ${requestId} any more: ${what}`);
        }
        if (options.json) printJson(traces);
        else for (const one of traces) print(lineOf(one));
      }),
    );
}

async function trace(spool: Spool, config: Config, requestId: string): Promise<Trace[]> {
  // What comes first on its way is looked for first: what moves on meanwhile is met twice, and not missed.
  const waits = await spool.find(requestId);
  const dead = await spool.dead({ requestId });
  const held = (await spool.quarantine?.list({ requestId })) ?? [];
  const landed = (await spool.receipts?.find(requestId)) ?? [];
  const waiting = waits.filter(({ lane }) => !landed.some((one) => one.lane === lane));
  const isBack = (lane: string) => [...waiting, ...dead, ...held, ...landed].some((one) => one.lane === lane);
  const discarded = (await spool.discards(Number.MAX_SAFE_INTEGER)).filter(
    (entry) => entry.requestId === requestId && !isBack(entry.lane),
  );
  return [
    ...waiting.map(
      (one): Trace => ({
        state: one.batch === undefined ? 'waiting' : 'sealed',
        ...common(one),
        bytes: one.bytes,
        ...(one.batch !== undefined && { batch: one.batch }),
      }),
    ),
    ...landed.flatMap(({ lane, batch, landedAt, table, receipts }) =>
      receipts.map(
        ({ timestamp }): Trace => ({
          state: 'landed',
          ...laneParts(lane),
          accepted: timeOf(timestamp),
          batch,
          ...(table === undefined ? tableOf(config, lane) : { table }),
          at: landedAt.toISOString(),
        }),
      ),
    ),
    ...dead.map(
      (one): Trace => ({
        state: 'dead',
        ...common(one),
        bytes: one.body.length,
        reason: one.reason,
        at: one.diedAt.toISOString(),
      }),
    ),
    ...held.map(
      (one): Trace => ({
        state: 'held',
        ...common(one),
        bytes: one.body.length,
        reason: one.reason,
        at: one.discardedAt.toISOString(),
        until: one.heldUntil.toISOString(),
      }),
    ),
    ...discarded.map((one): Trace => ({ state: 'discarded', ...common(one), reason: one.reason })),
  ];
}

function common(one: { readonly lane: LaneId; readonly timestamp: number; readonly key: string }) {
  return { ...laneParts(one.lane), accepted: timeOf(one.timestamp), key: one.key };
}

function timeOf(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString();
}

/** A pipeline that was removed since has none. */
function tableOf({ pipelines }: Config, lane: LaneId): { readonly table?: string } {
  const table = pipelines.get(laneParts(lane).pipeline)?.table;
  return table === undefined ? {} : { table };
}

/** When a batch was sealed, its tokens found good, or split off one that was: a UUIDv7 begins with its time. */
function sealedAt(batch: string): string {
  return new Date(Number.parseInt(batch.slice(0, 8) + batch.slice(9, 13), 16)).toISOString();
}

function lineOf(trace: Trace): string {
  const { pipeline, destination, accepted, key, bytes } = trace;
  const size = bytes === undefined ? '' : `, ${bytes} bytes`;
  const sender = key === undefined ? '' : ` under key ${key}`;
  return `${pipeline}/${destination}: accepted ${accepted}${sender}${size}; ${stateOf(trace)}`;
}

function stateOf({ state, batch = '', table, reason, at, until }: Trace): string {
  switch (state) {
    case 'waiting':
      return 'waits to be authenticated and sealed';
    case 'sealed':
      return `authenticated; sealed at ${sealedAt(batch)}, in batch ${batch}, which has not landed yet`;
    case 'landed': {
      const where = table === undefined ? '' : ` in table ${table}`;
      return `authenticated; sealed at ${sealedAt(batch)}; landed at ${at}${where}, in batch ${batch}`;
    }
    case 'dead':
      return `dead since ${at}: ${reason}`;
    case 'held':
      return `failed authentication at ${at}: ${reason}; held until ${until}`;
    case 'discarded':
      return `failed authentication: ${reason}; its body was not kept, or it was released or dropped since`;
  }
}
