import type { z } from 'zod';
import type { Scheme } from '../core/intake/signatures/scheme.js';
import type { Item } from './inventory.js';
import { type JsonSchema, toJsonSchema } from './json-schema.js';
import type { Path } from './path.js';
import {
  discardsSchema,
  pluginsSchema,
  policyKeys,
  policySchema,
  receiptsSchema,
  wholePipelineSchema,
  wholeServerSchema,
} from './sections.js';
import { shapeAt } from './shape.js';
import { expectation } from './wording.js';

/** One option of the YAML, as people read of it. */
export interface Option {
  /** `flush.rows`; `tokens[].key` in a list. */
  readonly name: string;
  /** In the words of the error messages: `whole number from 1 to 64`. */
  readonly type: string;
  readonly required: boolean;
  /** As one writes it. */
  readonly default?: string;
  /** Masked wherever configuration is shown. */
  readonly secret: boolean;
  readonly meaning: string;
}

/** What the YAML of a plugin's instance may say beside `type`; nothing where that cannot be told. */
export function optionsOf({ kind, plugin, options }: Item): Option[] {
  if (plugin === undefined) return [];
  const engine = kind === 'destination' ? policyKeys : [];
  const { type: _, ...properties } = options.properties ?? {};
  return Object.entries(properties).flatMap(([key, json]) =>
    describe(json as JsonSchema, {
      schema: engine.includes(key) ? policySchema : plugin.config,
      path: [key],
      name: key,
      required: options.required?.includes(key) ?? false,
    }),
  );
}

/** The options of a section that is not a plugin's. */
export function sectionOptions(
  section: 'server' | 'plugins' | 'pipelines' | 'discards' | 'receipts',
): Option[] {
  const schema = {
    server: wholeServerSchema,
    plugins: pluginsSchema,
    pipelines: wholePipelineSchema,
    discards: discardsSchema,
    receipts: receiptsSchema,
  }[section];
  const name = section === 'pipelines' ? 'pipelines.*' : section;
  const found = describe(toJsonSchema(schema), { schema, path: [], name, required: false });
  if (section === 'plugins') return found;
  return found.slice(1).filter(({ name }) => !name.startsWith('pipelines.*.signature.'));
}

/** What the `signature` of a pipeline may say beside `type`. */
export function signatureOptions({ options: schema }: Scheme): Option[] {
  const found = describe(toJsonSchema(schema), { schema, path: [], name: 'signature', required: false });
  const own = found.slice(1).map((option) => ({ ...option, name: option.name.replace('signature.', '') }));
  return own.filter(({ name }) => name !== 'type');
}

interface Place {
  readonly schema: z.ZodType;
  readonly path: Path;
  readonly name: string;
  readonly required: boolean;
}

/** The option itself, then those inside of it. */
function describe(json: JsonSchema, { schema, path, name, required }: Place): Option[] {
  const shape = shapeAt(schema, path);
  const { default: usual, description = '' } = json;
  const option: Option = {
    name,
    type: expectation(shape)?.replaceAll(/(^| or )an? /g, '$1') ?? 'anything',
    required,
    ...(usual !== undefined && { default: typeof usual === 'string' ? usual : JSON.stringify(usual) }),
    secret: shape.secret,
    meaning: description,
  };
  return [option, ...inside(json, { schema, path, name })];
}

/** The options in a mapping, in the items of a list, or in a mapping with keys of the user's choice. */
function inside(json: JsonSchema, place: Omit<Place, 'required'>): Option[] {
  const { schema, path, name } = place;
  const named = Object.entries(json.properties ?? {}).flatMap(([key, inner]) => {
    const required = json.required?.includes(key) ?? false;
    return describe(inner as JsonSchema, { schema, path: [...path, key], name: `${name}.${key}`, required });
  });
  const into = (inner: unknown, step: string | number, name: string): Option[] =>
    typeof inner === 'object' ? inside(inner as JsonSchema, { schema, path: [...path, step], name }) : [];
  return [
    ...named,
    ...into(json.items, 0, `${name}[]`),
    ...into(json.additionalProperties, '*', `${name}.*`),
    ...(json.anyOf ?? []).flatMap((each) => inside(each, place)),
  ];
}
