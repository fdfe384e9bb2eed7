import { messageOf } from '../core/contract/errors.js';
import type { Plugin, PluginKind } from '../core/contract/plugin.js';
import type { Registry } from '../core/host/registry.js';
import type { Path } from './path.js';
import type { PluginInstance } from './schema.js';
import { policyKeys } from './sections.js';
import type { Source } from './source.js';
import { type Entry, pointOf, type ScalarNode } from './tree.js';
import { validate } from './validate.js';
import { actual, didYouMean, known } from './wording.js';

/** What it takes to turn a `{ type: ..., ... }` into a plugin's instance. */
export interface Workshop {
  readonly source: Source;
  readonly registry: Registry;
  /** False when an entry of `plugins:` failed: then a type that nobody knows is not reported on top. */
  readonly complete: boolean;
}

/** Each kind as people say it. */
export const words: Readonly<Record<PluginKind, string>> = {
  destination: 'destination',
  'token-store': 'token store',
  spool: 'spool',
};

/** Finds the plugin that `type` names and validates the other keys by its schema. */
export async function readInstance<K extends PluginKind>(
  { source, registry, complete }: Workshop,
  kind: K,
  name: string,
  entry: Entry,
  path: Path,
): Promise<PluginInstance<K> | undefined> {
  const { node } = entry;
  if (node.kind === 'scalar' && node.broken) return undefined;
  if (node.kind !== 'mapping') {
    source.report(pointOf(entry), path, 'expected a mapping with a `type`', knownTypes(registry, kind));
    return undefined;
  }
  const type = node.entries.get('type');
  if (type === undefined) {
    source.report(
      entry.keyAt,
      [...path, 'type'],
      `missing, expected a kind of ${words[kind]}`,
      knownTypes(registry, kind),
    );
    return undefined;
  }
  const plugin = await findPlugin({ source, registry, complete }, kind, type, [...path, 'type']);
  if (plugin === undefined) return undefined;
  for (const word of [name, plugin.name]) source.secrets.say(word);
  const engine = kind === 'destination' ? ['type', ...policyKeys] : ['type'];
  const own = new Map([...node.entries].filter(([key]) => !engine.includes(key)));
  const options = validate(strict(plugin), {
    source,
    entry: { keyAt: entry.keyAt, node: { ...node, entries: own } },
    path,
    otherKeys: engine,
  });
  return options && { name, plugin, options: options.value };
}

/** Unknown options are reported, unless the plugin wants them. */
export function strict({ config }: Plugin): Plugin['config'] {
  return config.def.catchall === undefined ? config.strict() : config;
}

async function findPlugin<K extends PluginKind>(
  { source, registry, complete }: Workshop,
  kind: K,
  entry: Entry,
  path: Path,
): Promise<Plugin<K> | undefined> {
  const { node } = entry;
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    if (node.kind === 'scalar' && node.broken) return undefined;
    source.report(
      pointOf(entry),
      path,
      `expected a kind of ${words[kind]}, got ${actual(node, false)}`,
      knownTypes(registry, kind),
    );
    return undefined;
  }
  if (node.broken) return undefined;
  if (!registry.has(kind, node.value)) {
    const meant = shown(node) ? didYouMean(node.value, registry.names(kind)) : undefined;
    const hint = [meant, knownTypes(registry, kind)].filter((text) => text !== undefined).join(' ');
    const what = shown(node)
      ? `no ${words[kind]} is of type \`${node.value}\``
      : `no ${words[kind]} is of the type in ${node.references}`;
    if (complete || meant !== undefined) source.report(node.at, path, what, hint);
    return undefined;
  }
  try {
    return await registry.find(kind, node.value);
  } catch (error) {
    source.report(node.at, path, `the ${words[kind]} plugin cannot be loaded: ${messageOf(error)}`);
    return undefined;
  }
}

function shown(node: ScalarNode): boolean {
  return node.references.length === 0;
}

function knownTypes(registry: Registry, kind: PluginKind): string {
  return known(registry.names(kind), `no plugin for a ${words[kind]} is known`);
}
