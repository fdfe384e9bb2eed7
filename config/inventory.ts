import { messageOf } from '../core/contract/errors.js';
import { type Plugin, type PluginKind, pluginKinds } from '../core/contract/plugin.js';
import type { Registry } from '../core/host/registry.js';
import { writeQuantity } from '../core/kit/options.js';
import { policyOf } from './destinations.js';
import { type JsonSchema, optionsSchema, toJsonSchema } from './json-schema.js';
import { policySchema } from './sections.js';

/** A plugin that is known, with everything that its YAML may say. */
export interface Item {
  readonly kind: PluginKind;
  readonly name: string;
  /** `built in`, or the entry of `plugins:`. */
  readonly origin: string;
  /** One line; for a plugin that cannot be loaded, why. */
  readonly description: string;
  readonly plugin?: Plugin;
  /** The plugin's own options, `type`, and what the engine takes for itself. */
  readonly options: JsonSchema;
}

/** Loads every plugin; one that cannot be loaded, say for want of a binary, is listed with its fault. */
export async function takeInventory(registry: Registry): Promise<Item[]> {
  const items: Item[] = [];
  for (const kind of pluginKinds) {
    for (const name of registry.names(kind)) {
      const origin = registry.origin(kind, name) ?? 'built in';
      try {
        const plugin = await registry.find(kind, name);
        const { description = '' } = plugin;
        items.push({ kind, name, origin, description, plugin, options: allOptions(plugin) });
      } catch (error) {
        const description = `cannot be loaded: ${messageOf(error)}`;
        items.push({ kind, name, origin, description, options: { type: 'object', description } });
      }
    }
  }
  return items;
}

function allOptions(plugin: Plugin): JsonSchema {
  const own = optionsSchema(plugin);
  const type: JsonSchema = {
    const: plugin.name,
    ...(plugin.description && { description: plugin.description }),
  };
  return {
    ...own,
    properties: { type, ...own.properties, ...(plugin.kind === 'destination' && policyOptions(plugin)) },
    required: ['type', ...(own.required ?? [])],
  };
}

function policyOptions(plugin: Plugin): Record<string, JsonSchema> {
  const { flush, concurrency, timeout, haltAfter } = policyOf(plugin);
  const properties = toJsonSchema(policySchema).properties as Record<string, JsonSchema>;
  const flushDefaults = {
    rows: flush.rows,
    bytes: writeQuantity('size', flush.bytes),
    every: writeQuantity('duration', flush.every),
  };
  return {
    flush: {
      ...properties['flush'],
      properties: withDefaults(properties['flush']?.properties, flushDefaults),
    },
    ...withDefaults(properties, { concurrency, timeout: writeQuantity('duration', timeout), haltAfter }),
  };
}

function withDefaults(
  properties: JsonSchema['properties'],
  defaults: Readonly<Record<string, unknown>>,
): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => [
      key,
      { ...(properties?.[key] as JsonSchema), default: value },
    ]),
  );
}
