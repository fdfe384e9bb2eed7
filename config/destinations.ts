import type { z } from 'zod';
import { messageOf } from '../core/contract/errors.js';
import type { DestinationPolicy } from '../core/contract/pipeline.js';
import type { DestinationDefaults, Plugin } from '../core/contract/plugin.js';
import { bytes, duration } from '../core/kit/options.js';
import { readInstance, type Workshop } from './instance.js';
import type { DestinationInstance } from './schema.js';
import { policyKeys, policySchema } from './sections.js';
import { type Entry, isNothing, pointOf } from './tree.js';
import { validate } from './validate.js';

/** The engine's own policy, unless the plugin or the YAML says otherwise. */
const usual: DestinationPolicy = {
  flush: { rows: 10_000, bytes: 16 * 1024 ** 2, every: 1000 },
  concurrency: 2,
  timeout: 300_000,
  haltAfter: 100,
};

export interface Destinations {
  readonly sound: ReadonlyMap<string, DestinationInstance>;
  /** Those with a problem as well: a pipeline may name them without another one. */
  readonly declared: readonly string[];
  /** False when not even their names can be told. */
  readonly readable: boolean;
}

export async function readDestinations(workshop: Workshop, entry: Entry | undefined): Promise<Destinations> {
  const sound = new Map<string, DestinationInstance>();
  if (entry === undefined || isNothing(entry.node)) return { sound, declared: [], readable: true };
  const { node } = entry;
  const { source } = workshop;
  if (node.kind !== 'mapping') {
    const broken = node.kind === 'scalar' && node.broken;
    if (!broken)
      source.report(
        pointOf(entry),
        ['destinations'],
        'expected a mapping of destinations by name',
        'write `name: { type: ... }`',
      );
    return { sound, declared: [], readable: false };
  }
  for (const [name, destination] of node.entries) {
    if (!/^[A-Za-z0-9_-]{1,63}$/.test(name)) {
      const hint = 'use up to 63 letters, digits, `_` and `-`';
      source.report(destination.keyAt, ['destinations', name], 'not a name for a destination', hint);
    }
    const instance = await readDestination(workshop, name, destination);
    if (instance !== undefined) sound.set(name, instance);
  }
  return { sound, declared: [...node.entries.keys()], readable: true };
}

async function readDestination(
  workshop: Workshop,
  name: string,
  entry: Entry,
): Promise<DestinationInstance | undefined> {
  const { source } = workshop;
  const path = ['destinations', name];
  const instance = await readInstance(workshop, 'destination', name, entry, path);
  if (entry.node.kind !== 'mapping') return undefined;
  const entries = new Map([...entry.node.entries].filter(([key]) => policyKeys.includes(key)));
  const policy = validate(policySchema, {
    source,
    entry: { ...entry, node: { ...entry.node, entries } },
    path,
  });
  if (instance === undefined || policy === undefined) return undefined;
  try {
    const { plugin, options } = instance;
    const defaults = mergeDefaults(plugin.defaults, plugin.suited?.(options) ?? {});
    const merged = mergePolicy(policy.value, defaults);
    const objection = plugin.objection?.(options, merged);
    if (objection === undefined) return { ...instance, policy: merged };
    const { option, message, hint } = objection;
    const at = option.split('.');
    source.report(pointOf(innermost(entry, at)), [...path, ...at], message, hint);
    return undefined;
  } catch (error) {
    source.report(
      entry.keyAt,
      path,
      `the plugin's defaults are wrong: ${messageOf(error)}`,
      'this is a bug of the plugin',
    );
    return undefined;
  }
}

/** The entry of an option, or of the nearest section around it that the YAML has. */
function innermost(entry: Entry, [name, ...rest]: readonly string[]): Entry {
  const inner =
    entry.node.kind === 'mapping' && name !== undefined ? entry.node.entries.get(name) : undefined;
  return inner === undefined ? entry : innermost(inner, rest);
}

function mergeDefaults(usual: DestinationDefaults, suited: DestinationDefaults): DestinationDefaults {
  return { ...usual, ...suited, flush: { ...usual.flush, ...suited.flush } };
}

/** The policy of a plugin's destinations unless their YAML says otherwise. */
export function policyOf({ defaults }: Plugin): DestinationPolicy {
  return mergePolicy({}, defaults);
}

/** The YAML over the plugin's defaults over the engine's own. */
function mergePolicy(yaml: z.output<typeof policySchema>, defaults: DestinationDefaults): DestinationPolicy {
  const { flush = {} } = defaults;
  const size = (value: number | string | undefined) =>
    value === undefined ? undefined : bytes().parse(value);
  const time = (value: number | string | undefined) =>
    typeof value === 'string' ? duration().parse(value) : value;
  return {
    flush: {
      rows: yaml.flush?.rows ?? flush.rows ?? usual.flush.rows,
      bytes: yaml.flush?.bytes ?? size(flush.bytes) ?? usual.flush.bytes,
      every: yaml.flush?.every ?? time(flush.every) ?? usual.flush.every,
    },
    concurrency: yaml.concurrency ?? defaults.concurrency ?? usual.concurrency,
    timeout: yaml.timeout ?? time(defaults.timeout) ?? usual.timeout,
    haltAfter: yaml.haltAfter ?? usual.haltAfter,
  };
}
