import { z } from 'zod';
import type { Form } from '../core/kit/options.js';
import type { Path } from './path.js';

type Schema = z.core.$ZodType;
type Types = z.core.$ZodTypes;

/** What a schema wants at one place: the alternatives, without `optional`, `default` and the like. */
export interface Shape {
  readonly alternatives: readonly Types[];
  /** Some schema on the way bears `.meta({ secret: true })`. */
  readonly secret: boolean;
  /** What a text or a number stands for there: `size`, `duration` or `path`. */
  readonly form?: Form;
}

/** What the schema wants at the end of a path; no alternatives where that cannot be told. */
export function shapeAt(schema: Schema, path: Path): Shape {
  let shape = unwrap([schema]);
  for (const step of path) {
    const inner = shape.alternatives.flatMap((alternative) => descend(alternative, step));
    const next = unwrap(inner);
    shape = { ...next, secret: shape.secret || next.secret };
  }
  return shape;
}

/** The keys that a mapping may have there. */
export function keysOf({ alternatives }: Shape): string[] {
  return alternatives.flatMap(({ _zod: { def } }) => (def.type === 'object' ? Object.keys(def.shape) : []));
}

function unwrap(schemas: readonly Schema[]): Shape {
  const alternatives: Types[] = [];
  let secret = false;
  let form: Form | undefined;
  const seen = new Set<Schema>();
  const pending = [...schemas];
  for (let schema = pending.shift(); schema !== undefined; schema = pending.shift()) {
    if (seen.has(schema)) continue;
    seen.add(schema);
    const meta = metaOf(schema);
    secret ||= meta['secret'] === true;
    form ??= meta['form'] as Form | undefined;
    const inner = inside((schema as Types)._zod.def);
    if (inner === undefined) alternatives.push(schema as Types);
    else pending.unshift(...inner);
  }
  return { alternatives, secret, ...(form !== undefined && { form }) };
}

/** The schemas that a wrapper stands for; undefined for one that wraps nothing. */
function inside(def: Types['_zod']['def']): readonly Schema[] | undefined {
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'catch':
    case 'readonly':
    case 'success':
    case 'promise':
      return [def.innerType];
    case 'lazy':
      return [def.getter()];
    case 'union':
      return def.options;
    case 'intersection':
      return [def.left, def.right];
    case 'pipe':
      // `z.preprocess` has the transformation in front.
      return [def.in, def.out].filter((schema) => (schema as Types)._zod.def.type !== 'transform');
    default:
      return undefined;
  }
}

function descend({ _zod: { def } }: Types, step: string | number): readonly Schema[] {
  switch (def.type) {
    case 'object': {
      const known = Object.hasOwn(def.shape, step) ? def.shape[step] : def.catchall;
      return known === undefined ? [] : [known];
    }
    case 'record':
      return [def.valueType];
    case 'array':
      return [def.element];
    case 'tuple': {
      const item = def.items[Number(step)] ?? def.rest;
      return item === null ? [] : [item];
    }
    default:
      return [];
  }
}

/** What `.meta()` and `.describe()` said; by the schema's own method, as a plugin may bring its own copy of zod. */
export function metaOf(schema: Schema): Readonly<Record<string, unknown>> {
  const { meta } = schema as { readonly meta?: () => Readonly<Record<string, unknown>> | undefined };
  return (typeof meta === 'function' ? meta.call(schema) : z.globalRegistry.get(schema)) ?? {};
}
