import type { PluginKind } from '../core/contract/plugin.js';
import { words } from './instance.js';
import type { Item } from './inventory.js';
import { type JsonSchema, mapSchema, toJsonSchema } from './json-schema.js';
import {
  discardsSchema,
  pluginsSchema,
  receiptsSchema,
  storeDefaults,
  wholePipelineSchema,
  wholeServerSchema,
} from './sections.js';

/** The JSON Schema of the whole YAML, for editors: what is in the inventory may be used in it. */
export function editorSchema(items: readonly Item[]): JsonSchema {
  const definitions = items.map((item) => [
    idOf(item),
    interpolated(rebased(item.options, `#/definitions/${idOf(item)}`)),
  ]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: {
      server: serverSchema(),
      spool: orNothing({
        description: 'The folder where accepted requests lie until they have landed',
        default: storeDefaults.spool,
        ...instance(items, 'spool'),
      }),
      tokens: orNothing({
        description: 'Where access tokens are kept, as digests',
        default: storeDefaults.tokens,
        ...instance(items, 'token-store'),
      }),
      discards: orNothing(interpolated(toJsonSchema(discardsSchema))),
      receipts: orNothing(interpolated(toJsonSchema(receiptsSchema))),
      plugins: orNothing(interpolated(toJsonSchema(pluginsSchema))),
      destinations: orNothing({
        description: 'Warehouses, under names that you choose',
        type: 'object',
        propertyNames: { pattern: '^[A-Za-z0-9_-]{1,63}$' },
        additionalProperties: instance(items, 'destination'),
      }),
      pipelines: orNothing({
        description: 'Numbers that senders put into their URL, and the tables that their data lands in',
        type: 'object',
        propertyNames: { pattern: '^[1-9][0-9]{0,15}$' },
        additionalProperties: interpolated(toJsonSchema(wholePipelineSchema)),
      }),
    },
    patternProperties: { '^x-': { description: 'A place of your own, for anchors' } },
    additionalProperties: false,
    definitions: {
      reference: {
        type: 'string',
        pattern: '\\$\\{',
      },
      ...Object.fromEntries(definitions),
    },
  };
}

function serverSchema(): JsonSchema {
  const { properties, ...rest } = interpolated(toJsonSchema(wholeServerSchema));
  const { webhooks, admin, ...others } = properties as Record<string, JsonSchema>;
  return orNothing({
    ...rest,
    properties: { webhooks: orNothing(webhooks ?? {}), admin: orNothing(admin ?? {}), ...others },
  });
}

function idOf({ kind, name }: Item): string {
  return `${kind}.${name}`;
}

/** A `{ type: ..., ... }`: its options are those of the plugin that `type` names. */
function instance(items: readonly Item[], kind: PluginKind): JsonSchema {
  const known = items.filter((item) => item.kind === kind);
  const types = known.map(({ name, description }): JsonSchema => ({ const: name, description }));
  return {
    type: 'object',
    properties: {
      type: {
        description: `The kind of ${words[kind]}`,
        anyOf: [...types, { $ref: '#/definitions/reference' }],
      },
    },
    required: ['type'],
    allOf: known.map((item) => ({
      if: { type: 'object', properties: { type: { const: item.name } }, required: ['type'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, never awaited
      then: { $ref: `#/definitions/${idOf(item)}` },
    })),
  };
}

/** A section with all of its lines commented out is as good as none. */
function orNothing(schema: JsonSchema): JsonSchema {
  return { ...schema, type: [schema.type ?? 'object', 'null'].flat() as ('null' | 'object')[] };
}

/** A schema's own references, from where it is put now. */
function rebased(schema: JsonSchema, to: string): JsonSchema {
  const inner = mapSchema(schema, (each) => rebased(each, to));
  return inner.$ref?.startsWith('#') ? { ...inner, $ref: to + inner.$ref.slice(1) } : inner;
}

/** The schema, with `${NAME}` wherever a text, a number or a truth value may be. */
function interpolated(schema: JsonSchema): JsonSchema {
  const { description, default: usual, writeOnly, ...rest } = schema;
  if (!isScalar(rest)) return mapSchema(schema, interpolated);
  const free =
    rest.type === 'string' && Object.keys(rest).every((key) => key === 'type' || key === 'minLength');
  if (free) return schema;
  return {
    ...(description !== undefined && { description }),
    ...(usual !== undefined && { default: usual }),
    ...(writeOnly !== undefined && { writeOnly }),
    anyOf: [rest, { $ref: '#/definitions/reference' }],
  };
}

const scalars: readonly unknown[] = ['string', 'number', 'integer', 'boolean'];

function isScalar({ type, const: only, enum: some, anyOf = [] }: JsonSchema): boolean {
  if (type !== undefined) return [type].flat().every((each) => scalars.includes(each));
  return only !== undefined || some !== undefined || (anyOf.length > 0 && anyOf.every(isScalar));
}
