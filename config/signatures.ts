import type { Signed } from '../core/contract/pipeline.js';
import { schemes } from '../core/intake/signatures/index.js';
import type { Scheme } from '../core/intake/signatures/scheme.js';
import type { Path } from './path.js';
import type { Source } from './source.js';
import { type Entry, pointOf } from './tree.js';
import { validate } from './validate.js';
import { actual, didYouMean, known } from './wording.js';

/** Reads a pipeline's `signature`: its `type` names a scheme, whose options the rest is. */
export function readSignature(source: Source, entry: Entry, path: Path): Signed | undefined {
  const { node } = entry;
  if (node.kind === 'scalar' && node.broken) return undefined;
  if (node.kind !== 'mapping') {
    source.report(pointOf(entry), path, 'expected a mapping with a `type` and a `secret`', knownTypes());
    return undefined;
  }
  const type = node.entries.get('type');
  if (type === undefined) {
    source.report(entry.keyAt, [...path, 'type'], 'missing, expected a type of signature', knownTypes());
    return undefined;
  }
  const scheme = findScheme(source, type, [...path, 'type']);
  if (scheme === undefined) return undefined;
  const options = validate(scheme.options, { source, entry, path });
  if (options === undefined) return undefined;
  const { key } = options.value as { readonly key?: string };
  return { scheme: scheme.create(options.value), ...(key !== undefined && { key }) };
}

function findScheme(source: Source, type: Entry, path: Path): Scheme | undefined {
  const { node } = type;
  if (node.kind === 'scalar' && node.broken) return undefined;
  const scheme = node.kind === 'scalar' ? schemes.find((each) => each.type === node.value) : undefined;
  if (scheme !== undefined) return scheme;
  const word = node.kind === 'scalar' && node.references.length === 0 ? node.value : undefined;
  const meant = typeof word === 'string' ? didYouMean(word, schemes.map(nameOf)) : undefined;
  const hint = [meant, knownTypes()].filter((text) => text !== undefined).join(' ');
  source.report(pointOf(type), path, `expected a type of signature, got ${actual(node, false)}`, hint);
  return undefined;
}

function nameOf({ type }: Scheme): string {
  return type;
}

function knownTypes(): string {
  return known(schemes.map(nameOf), 'there are none');
}
