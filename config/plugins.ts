import { messageOf } from '../core/contract/errors.js';
import { type Plugin, pluginKinds } from '../core/contract/plugin.js';
import type { Registry } from '../core/host/registry.js';
import { pluginsSchema } from './sections.js';
import type { Source } from './source.js';
import { resolveSpecifier } from './specifier.js';
import { type Entry, follow, isNothing, pointOf } from './tree.js';
import { validate } from './validate.js';

/** What each registry was given already: a configuration may be loaded again, as for a reload. */
const given = new WeakMap<Registry, Set<Plugin>>();

/**
 * Imports what `plugins:` lists and makes it known to the registry. A plugin that cannot be loaded is a
 * problem, never skipped.
 * @returns whether all are known now; if not, an unknown `type` may be one of those that are missing
 */
export async function loadPlugins(
  source: Source,
  entry: Entry | undefined,
  registry: Registry,
): Promise<boolean> {
  if (entry === undefined || isNothing(entry.node)) return true;
  const path = ['plugins'];
  const specifiers = validate(pluginsSchema, { source, entry, path });
  if (specifiers === undefined) return false;
  let complete = true;
  for (const [index, specifier] of specifiers.value.entries()) {
    const item = follow(entry, [index]).found ?? entry;
    const shown = item.node.kind === 'scalar' ? (item.node.references[0] ?? specifier) : specifier;
    try {
      const exported: unknown = await import(resolveSpecifier(specifier, source.folder));
      for (const plugin of pluginsOf(exported)) add(plugin, registry, shown);
    } catch (error) {
      const cause = shown === specifier ? messageOf(error) : messageOf(error).replaceAll(specifier, shown);
      source.report(pointOf(item), [...path, index], `cannot load the plugin ${shown}: ${cause}`);
      complete = false;
    }
  }
  return complete;
}

function add(plugin: Plugin, registry: Registry, origin: string): void {
  const known = given.get(registry) ?? new Set();
  if (known.has(plugin)) return;
  registry.add(plugin, origin);
  given.set(registry, known.add(plugin));
}

function pluginsOf(module: unknown): readonly Plugin[] {
  const exported = (module as { readonly default?: unknown }).default;
  const plugins: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  if (plugins.length > 0 && plugins.every(isPlugin)) return plugins;
  throw new Error('its default export is no plugin; write `export default definePlugin({ ... })`');
}

function isPlugin(value: unknown): value is Plugin {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, name, config, create } = value as Partial<Record<keyof Plugin, unknown>>;
  if (
    !pluginKinds.some((known) => known === kind) ||
    typeof name !== 'string' ||
    typeof create !== 'function'
  )
    return false;
  return typeof config === 'object' && config !== null && '_zod' in config;
}
