import { z } from 'zod';
import type { Plugin } from '../core/contract/plugin.js';
import { writeQuantity } from '../core/kit/options.js';
import { strict } from './instance.js';
import { metaOf } from './shape.js';

/** Draft-07: 2020-12 is read by the newest YAML language servers only, this one by all, and by other editors. */
export type JsonSchema = z.core.JSONSchema.JSONSchema;

type Schema = JsonSchema | boolean;

/**
 * The JSON Schema of what a YAML may say, with defaults as one writes them. What JSON Schema cannot
 * express, such as a refinement, is left to `hookline check`.
 */
export function toJsonSchema(schema: z.ZodType): JsonSchema {
  // By the schema's own method: a plugin may bring its own copy of zod. The older copies have none.
  const own = typeof schema.toJSONSchema === 'function';
  const json: JsonSchema = own ? schema.toJSONSchema(parameters) : z.toJSONSchema(schema, parameters);
  const { $schema: _, ...rest } = json;
  return annotate(rest);
}

const parameters: z.core.ToJSONSchemaParams = {
  target: 'draft-7',
  io: 'input',
  unrepresentable: 'any',
  override: ({ zodSchema, jsonSchema }) => {
    // What an older copy keeps in a registry of its own.
    if (!z.globalRegistry.has(zodSchema)) Object.assign(jsonSchema, metaOf(zodSchema));
    // The default of a size is its bytes, so no input to zod; it is to whoever writes `512MiB`.
    const { def } = (zodSchema as z.core.$ZodTypes)._zod;
    const { form } = jsonSchema;
    if (def.type === 'default' && (form === 'size' || form === 'duration')) {
      jsonSchema.default = writeQuantity(form, Number(def.defaultValue));
    }
  },
};

/** A plugin's options; those that cannot be told, as from another kind of schema library, may be anything. */
export function optionsSchema(plugin: Plugin): JsonSchema {
  try {
    const json = toJsonSchema(strict(plugin));
    if (json.type === 'object') return json;
  } catch {
    // Its options are still checked when the configuration is loaded.
  }
  return { type: 'object', description: 'Its options cannot be described here; see its own documentation.' };
}

/** Our own metadata as what editors know. A secret's default is not shown. */
function annotate(schema: JsonSchema): JsonSchema {
  const { form: _, secret, ...rest } = mapSchema(schema, annotate);
  if (secret !== true) return rest;
  const { default: __, examples: ___, ...masked } = rest;
  return { ...masked, writeOnly: true };
}

const single = [
  'items',
  'additionalItems',
  'additionalProperties',
  'propertyNames',
  'contains',
  'not',
] as const;
const lists = ['anyOf', 'oneOf', 'allOf'] as const;
const named = ['properties', 'patternProperties', 'definitions'] as const;

/** The schema with each that is directly in it replaced. */
export function mapSchema(schema: JsonSchema, replace: (inner: JsonSchema) => JsonSchema): JsonSchema {
  const one = (inner: Schema): Schema => (typeof inner === 'object' ? replace(inner) : inner);
  const mapped: Record<string, unknown> = { ...schema };
  for (const keyword of single) {
    const inner = schema[keyword] as Schema | Schema[] | undefined;
    if (inner !== undefined) mapped[keyword] = Array.isArray(inner) ? inner.map(one) : one(inner);
  }
  for (const keyword of lists) {
    const inner = schema[keyword];
    if (inner !== undefined) mapped[keyword] = inner.map(replace);
  }
  for (const keyword of named) {
    const inner = schema[keyword] as Record<string, Schema> | undefined;
    if (inner !== undefined) {
      mapped[keyword] = Object.fromEntries(Object.entries(inner).map(([key, each]) => [key, one(each)]));
    }
  }
  return mapped;
}
