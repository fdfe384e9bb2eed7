import type { z } from 'zod';
import { nearest } from '../core/host/registry.js';
import type { Shape } from './shape.js';
import type { Tree } from './tree.js';

type Type = Shape['alternatives'][number];

/** `a whole number from 0 to 65535`; undefined where a schema does not say. */
export function expectation({ alternatives, form }: Shape): string | undefined {
  if (form !== undefined) return `a ${form}`;
  const words = alternatives.map(wordType);
  const known = words.filter((word) => word !== undefined);
  return known.length === 0 ? undefined : [...new Set(known)].join(' or ');
}

function wordType({ _zod: { def } }: Type): string | undefined {
  switch (def.type) {
    case 'string':
      return wordString(def);
    case 'number':
      return wordNumber(def);
    case 'boolean':
      return 'true or false';
    case 'enum':
      return choice(Object.values(def.entries));
    case 'literal':
      return choice(def.values);
    case 'array':
    case 'tuple':
      return 'a list';
    case 'object':
    case 'record':
      return 'a mapping';
    default:
      return undefined;
  }
}

const formats: Readonly<Record<string, string>> = {
  url: 'a URL',
  email: 'an e-mail address',
  uuid: 'a UUID',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  datetime: 'a date and time such as 2026-01-31T12:00:00Z',
  date: 'a date such as 2026-01-31',
};

function wordString(def: z.core.$ZodStringDef): string {
  const format = (def as Partial<z.core.$ZodStringFormatDef>).format;
  return (format === undefined ? undefined : formats[format]) ?? 'a text';
}

function wordNumber(def: z.core.$ZodNumberDef): string {
  const checks = [
    def,
    ...(def.checks ?? []).map((check) => check._zod.def),
  ] as readonly z.core.$ZodCheckDef[];
  let noun = 'a number';
  let least: number | undefined;
  let most: number | undefined;
  for (const check of checks) {
    const { format, value, inclusive } = check as { format?: string; value?: number; inclusive?: boolean };
    if (format === 'safeint' || format === 'int32' || format === 'uint32') noun = 'a whole number';
    if (value === undefined) continue;
    const step = inclusive === true || noun === 'a number' ? 0 : 1;
    if (check.check === 'greater_than') least = Math.max(least ?? -Infinity, value + step);
    if (check.check === 'less_than') most = Math.min(most ?? Infinity, value - step);
  }
  if (least !== undefined && most !== undefined) return `${noun} from ${least} to ${most}`;
  if (least !== undefined) return `${noun} of at least ${least}`;
  return most === undefined ? noun : `${noun} of at most ${most}`;
}

function choice(values: readonly unknown[]): string {
  const words = values.map((value) => `\`${String(value)}\``);
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** What stands in the file; the text itself only where nobody's secret can be in it. */
export function actual(node: Tree, hidden: boolean): string {
  if (node.kind !== 'scalar') return `a ${node.kind}`;
  if (node.references.length > 0) return `something else from ${[...new Set(node.references)].join(', ')}`;
  if (node.value === null) return 'nothing';
  if (hidden) return 'something else';
  if (typeof node.value !== 'string') return String(node.value);
  const characters = [...node.value];
  return JSON.stringify(characters.length > 60 ? `${characters.slice(0, 60).join('')}...` : node.value);
}

/** The problem with a value that a schema refused, in words for an operator. */
export function refusal(issue: z.core.$ZodIssue, shape: Shape, node: Tree, hidden: boolean): string {
  if (node.kind === 'scalar' && node.value === '')
    return `must not be empty, expected ${expectation(shape) ?? 'a value'}`;
  const got = `, got ${actual(node, hidden)}`;
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_value':
    case 'invalid_union':
    case 'not_multiple_of':
      return `expected ${expectation(shape) ?? 'something else'}${got}`;
    case 'invalid_format':
      return `expected ${formatOf(issue, shape)}${got}`;
    case 'too_small':
    case 'too_big':
      return sizeRefusal(issue, shape, node, got);
    case 'invalid_key':
      return 'not a key that may stand here';
    default:
      return 'not a value that may stand here';
  }
}

function formatOf(issue: z.core.$ZodIssueInvalidStringFormat, shape: Shape): string {
  if (issue.format === 'regex' && issue.pattern !== undefined) return `a text of the form ${issue.pattern}`;
  return formats[issue.format] ?? expectation(shape) ?? 'something else';
}

function sizeRefusal(
  issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall,
  shape: Shape,
  node: Tree,
  got: string,
): string {
  const limit = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (node.kind === 'list') return `expected ${limit} in the list, got ${node.entries.length}`;
  if (node.kind === 'mapping') return `expected ${limit} keys, got ${node.entries.size}`;
  if (typeof node.value === 'string') return `expected a text of ${limit} characters`;
  return `expected ${expectation(shape) ?? `a number of ${limit}`}${got}`;
}

/** What to do about a refused value, where that is plain. */
export function remedy(
  issue: z.core.$ZodIssue,
  shape: Shape,
  node: Tree,
  hidden: boolean,
): string | undefined {
  if (node.kind !== 'scalar' || node.references.length > 0) return undefined;
  const wantsText = shape.alternatives.some(({ _zod }) => _zod.def.type === 'string');
  if (wantsText && issue.code !== 'too_small' && ['number', 'boolean'].includes(typeof node.value)) {
    return 'put it in quotes to make it a text';
  }
  if (hidden || typeof node.value !== 'string') return undefined;
  const words = shape.alternatives.flatMap(({ _zod: { def } }) => {
    if (def.type === 'enum') return Object.values(def.entries).map(String);
    return def.type === 'literal' ? def.values.map(String) : [];
  });
  return didYouMean(node.value, words);
}

/** The one that was probably meant, if one is near. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const meant = nearest(word, known);
  return meant === undefined ? undefined : `did you mean \`${meant}\`?`;
}

export function known(words: readonly string[], none: string): string {
  if (words.length === 0) return none;
  return `known: ${words.map((word) => `\`${word}\``).join(', ')}`;
}
