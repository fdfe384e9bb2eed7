import type { Config, DestinationInstance } from '../config/schema.js';
import type { Pipeline } from '../core/contract/pipeline.js';
import type { Limit } from '../core/intake/rate-limit.js';
import { formatBytes } from '../core/kit/options.js';
import { counted } from './cli/output.js';
import { webhookUrl } from './instance.js';
import type { LaneOverview } from './overview.js';

/** A heading and what there is to say under it, in whole sentences. */
export interface Passage {
  readonly title: string;
  readonly sentences: readonly string[];
}

/** One pipeline for whoever operates it, in the order in which they ask. */
export interface Explanation {
  readonly pipeline: string;
  readonly name: string;
  readonly paused: boolean;
  readonly passages: readonly Passage[];
}

/**
 * Says what the configuration means for one pipeline.
 * @param untold its destinations that note no serials
 * @param lanes how its lanes are now; empty when nobody could be asked
 */
export function explanationOf(
  config: Config,
  pipeline: Pipeline,
  untold: readonly string[],
  lanes: readonly LaneOverview[],
): Explanation {
  const targets = pipeline.destinations.flatMap((name) => config.destinations.get(name) ?? []);
  return {
    pipeline: pipeline.id,
    name: pipeline.name,
    paused: pipeline.paused,
    passages: [
      { title: 'What it is', sentences: purpose(config, pipeline, targets) },
      { title: 'What is guaranteed', sentences: guarantees(config, pipeline, targets, untold) },
      { title: 'How long until a row is visible', sentences: delays(config, pipeline, targets) },
      { title: 'When something is down', sentences: outages(config, targets) },
      { title: 'Its limits', sentences: limits(config, pipeline) },
      ...(lanes.length === 0 ? [] : [{ title: 'How it is now', sentences: lanes.map(presence) }]),
      { title: 'Where to look', sentences: places(pipeline) },
    ],
  };
}

function purpose(
  config: Config,
  { id, table, paused }: Pipeline,
  targets: readonly DestinationInstance[],
): string[] {
  const where = targets.map(({ name, plugin }) => `${name} (${plugin.name})`);
  return [
    `What is posted to ${webhookUrl(config)}/?pipeline_id=${id} becomes a row of the table ${table} in ${listed(where)}.`,
    ...(targets.length > 1
      ? [
          'Each destination gets every row. They do not wait for each other: one that is down holds only its own.',
        ]
      : []),
    ...(paused
      ? [
          'It is paused: senders are answered and every record is kept, but nothing is loaded. Set paused: false and run hookline reload.',
        ]
      : []),
  ];
}

function guarantees(
  config: Config,
  pipeline: Pipeline,
  targets: readonly DestinationInstance[],
  untold: readonly string[],
): string[] {
  const { spool, tokens } = config;
  return [
    'A 200 means that the request is on disk. If its token is good when it is loaded, it becomes one row in each destination, once as is said of each below, its body byte for byte; or a dead letter that you can see and replay, where a warehouse refuses it for good.',
    ...(pipeline.signature === undefined
      ? []
      : [
          `Only what its sender has signed gets in; anything else is answered 400 INVALID_SIGNATURE, and the log says why.${pipeline.signature.key === undefined ? '' : ` The token with the key ${pipeline.signature.key} stands in where the URL has none: deactivated, it lands nothing any more.`}`,
        ]),
    `A 200 does not mean that the token was right: that is looked at when the request is loaded, and one that fails is discarded and listed.${config.discards === undefined ? '' : ` It is held with its body for ${span(config.discards.keep)}, as far as there is room: mend the token, then hookline discards release.`}`,
    ...said('Before it has landed', spool.plugin.guarantee?.(spool.options)),
    ...said('Access tokens', tokens.plugin.guarantee?.(tokens.options)),
    ...targets.map(({ name, plugin, options }) => {
      const own = plugin.guarantee?.(options);
      return own === undefined
        ? `In ${name}: the connector ${plugin.name} does not say how a batch lands once; ask its documentation.`
        : `In ${name}: ${own}`;
    }),
    ...(untold.length === 0
      ? []
      : [
          `In ${listed(untold)}, nothing tells a spool that was restored from a backup or copied: what it holds lands, also what had landed before.`,
        ]),
    config.receipts === undefined
      ? 'Of what has landed no receipt is kept: hookline request does not find it any more. receipts: { keep: 7d } would keep one.'
      : `Of each row that has landed a receipt is kept for ${span(config.receipts.keep)}, as far as there is room: hookline request tells when and where it landed, and hookline reconcile ${pipeline.id} whether it is there still, and once.`,
    `After it was removed from the configuration pipeline ${pipeline.id} keeps what waits, and lands it when it is put back.`,
  ];
}

function delays(config: Config, { paused }: Pipeline, targets: readonly DestinationInstance[]): string[] {
  if (paused) return ['Never, while it is paused. Once it is not, as follows.', ...delaysOf(config, targets)];
  return delaysOf(config, targets);
}

function delaysOf(config: Config, targets: readonly DestinationInstance[]): string[] {
  return targets.map(({ name, policy }) => {
    const { flush, concurrency, timeout } = policy;
    const sharing = [...config.pipelines.values()].filter(({ destinations }) =>
      destinations.includes(name),
    ).length;
    const shared =
      sharing > 1 ? `, and ${sharing} pipelines share ${concurrency === 1 ? 'that' : 'those'}` : '';
    return (
      `In ${name}: a batch is written when its oldest row has waited ${span(flush.every)}, or earlier, when it has ` +
      `${flush.rows.toLocaleString('en')} rows or ${formatBytes(flush.bytes)}. So at the latest ${span(flush.every + lookEvery)} ` +
      `after its 200, plus the time of the write itself, as long as ${name} keeps up. ${counted(concurrency, 'batch is', 'batches are')} ` +
      `written at once${shared}; a write that takes longer than ${span(timeout)} is given up and tried again.`
    );
  });
}

/** How often the spool is looked at, in milliseconds. */
const lookEvery = 100;

function outages(config: Config, targets: readonly DestinationInstance[]): string[] {
  const { tokens, server } = config;
  return [
    `This server: senders cannot connect and should try again; nothing that was answered is lost, and it goes on where it was. A planned stop finishes what is under way, within ${span(server.grace)}.`,
    'The load process alone: senders notice nothing, rows come later; it is started again by itself.',
    'The disk, failing or full, or the spool at its limit: senders get 503 with Retry-After, /ready fails, and what was accepted goes on being loaded. A disk that is lost takes with it what has not landed.',
    tokens.plugin.name === 'static'
      ? 'The token store: it is the configuration, and cannot be down.'
      : `The token store (${tokens.plugin.name}): senders are answered, and their requests wait until it is back; none is discarded for that.`,
    ...targets.map(
      ({ name, plugin }) =>
        `${name} (${plugin.name}): senders are answered, and the rows wait in the spool. It is tried again for ever, at growing intervals. A fault of its set-up, such as a wrong password or a missing grant, halts this lane, says what to do, and is looked at every minute; hookline reload takes over what you changed at once.`,
    ),
  ];
}

function limits(config: Config, { limit }: Pipeline): string[] {
  const { webhooks } = config.server;
  const { client, key, unproven, connections } = webhooks.limits;
  const { maxSize, maxUnproven } = config.spool.options as {
    readonly maxSize?: unknown;
    readonly maxUnproven?: unknown;
  };
  const workers = webhooks.workers > 1 ? `, over all ${webhooks.workers} workers` : '';
  const most = rate(limit);
  return [
    `A body may have ${formatBytes(webhooks.maxBody)}, unpacked; a larger one is answered 413.`,
    most === undefined
      ? 'It has no limit of its own to how much may be sent; limit: { requests: 100 } would set one.'
      : `Its senders together may send ${most} a second${workers}; more is answered 429 with Retry-After.`,
    ...per('each client address', client),
    ...per('each key', key),
    ...per('a client address whose tokens have not been found good yet', unproven),
    `A client address may have ${counted(connections, 'connection', 'connections')} open; this machine and trusted proxies have no limit.`,
    ...(typeof maxSize === 'number'
      ? [
          `All pipelines together may have ${formatBytes(maxSize)} waiting, dead letters included, of which senders whose tokens have not been found good yet may have ${formatBytes(typeof maxUnproven === 'number' ? maxUnproven : maxSize / 10)}; beyond either, 503.`,
        ]
      : []),
  ];
}

/** `50 requests and 1MiB of bodies`; `undefined` where there is no limit. */
function rate(limit: Limit | undefined): string | undefined {
  const parts = [
    ...(limit?.requests === undefined ? [] : [counted(limit.requests, 'request', 'requests')]),
    ...(limit?.bytes === undefined ? [] : [`${formatBytes(limit.bytes)} of bodies`]),
  ];
  return parts.length === 0 ? undefined : listed(parts);
}

function per(whom: string, limit: Limit | undefined): string[] {
  const most = rate(limit);
  return most === undefined
    ? []
    : [`On all pipelines together, ${whom} may send ${most} a second; more is answered 429.`];
}

function presence(lane: LaneOverview): string {
  const { destination, state, records, bytes, lag, deadLetters, discards, lastLanded, lastError } = lane;
  const waits =
    records === 0
      ? 'nothing waits'
      : `${counted(records, 'record waits', 'records wait')} (${formatBytes(bytes)}), the oldest for ${span(lag * 1000)}`;
  return [
    `${destination} is ${state === 'stopped' ? 'not being loaded: no server runs, or its load process does not' : state}; ${waits}.`,
    ...(lastError === undefined ? [] : [`It says: ${lastError}.`]),
    ...(lastLanded === undefined ? [] : [`A batch landed last at ${lastLanded}.`]),
    ...(deadLetters === 0
      ? []
      : [
          `${counted(deadLetters, 'dead letter', 'dead letters')}: hookline dead list --pipeline ${lane.pipeline}.`,
        ]),
    ...(discards === 0
      ? []
      : [`${counted(discards, 'request has', 'requests have')} been discarded: hookline discards list.`]),
  ].join(' ');
}

function places({ id, destinations }: Pipeline): string[] {
  return [
    'hookline pipelines: state, what waits, how old it is, the last error.',
    ...destinations.map(
      (name) =>
        `hookline rows ${id}${destinations.length > 1 ? ` --destination ${name}` : ''}: the newest rows, from ${name} itself.`,
    ),
    `hookline dead list --pipeline ${id}: rows that were refused for good. hookline discards list: requests that failed authentication.`,
    `Alarm on hookline_lane_lag_seconds{pipeline="${id}"}, on hookline_lane_state{pipeline="${id}",state="halted"}, on hookline_lane_dead_letters{pipeline="${id}"} above 0, and on hookline_requests_accepted_total{pipeline="${id}"} when it stops growing: some senders give up without a word.`,
  ];
}

function said(about: string, text: string | undefined): string[] {
  return text === undefined ? [] : [`${about}: ${text}`];
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** Milliseconds in the largest unit that keeps them readable: `250 ms`, `1.1 s`, `5 min`. */
function span(milliseconds: number): string {
  for (const [unit, length] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const) {
    if (milliseconds >= length) return `${Math.round((milliseconds / length) * 10) / 10} ${unit}`;
  }
  return `${Math.round(milliseconds)} ms`;
}
