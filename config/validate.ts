import type { z } from 'zod';
import { messageOf } from '../core/contract/errors.js';
import { baseFolder } from '../core/kit/options.js';
import { Complaints, type Place, redact, unworded } from './complaints.js';
import type { Path } from './path.js';
import { type Entry, follow, plain, type ScalarNode, scalars } from './tree.js';

/**
 * Parses a value by a schema, with relative paths resolved against the file's folder. Whatever is wrong
 * is reported at the key or value that it is about.
 * @returns undefined when there is a problem in the value, now or before
 */
export function validate<S extends z.ZodType>(
  schema: S,
  place: Place,
): { readonly value: z.output<S> } | undefined {
  const { source, entry, path } = place;
  source.secrets.note(schema, entry);
  const converted = new Map<ScalarNode, unknown>();
  const sound = [...scalars(entry.node)].every((scalar) => !scalar.broken);
  for (;;) {
    let result: z.ZodSafeParseResult<z.output<S>>;
    try {
      result = baseFolder.during(source.folder, () =>
        schema.safeParse(plain(entry.node, converted), { error: () => unworded }),
      );
    } catch (error) {
      const cause = redact(messageOf(error), place, () => true);
      source.report(
        entry.keyAt,
        path,
        `the check of these options failed: ${cause}`,
        'this is a bug of the plugin',
      );
      return undefined;
    }
    if (result.success) return sound ? { value: result.data } : undefined;
    const issues = result.error.issues.flatMap(chooseAlternative);
    if (convert(issues, entry, converted)) continue;
    new Complaints(schema, place).report(issues);
    return undefined;
  }
}

/** Of a union's alternatives, the one that fits but for some detail; else the union as such. */
function chooseAlternative(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.message !== unworded) return [issue];
  const near = issue.errors
    .filter(
      (issues) =>
        issues.length > 0 && !issues.some(({ path, code }) => path.length === 0 && code === 'invalid_type'),
    )
    .sort((a, b) => a.length - b.length)[0];
  if (near === undefined) return [issue];
  return near.flatMap((inner) => chooseAlternative({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** Gives `${PORT}` the type that the schema asks for; true when that may have changed the outcome. */
function convert(
  issues: readonly z.core.$ZodIssue[],
  entry: Entry,
  converted: Map<ScalarNode, unknown>,
): boolean {
  let changed = false;
  for (const issue of issues) {
    const node = follow(entry, issue.path as Path).found?.node;
    if (node?.kind !== 'scalar' || node.references.length === 0 || node.broken || converted.has(node))
      continue;
    const value = wanted(issue).flatMap((type) => readAs(type, String(node.value)))[0];
    if (value === undefined) continue;
    converted.set(node, value);
    changed = true;
  }
  return changed;
}

function wanted(issue: z.core.$ZodIssue): readonly unknown[] {
  if (issue.code === 'invalid_type') return [issue.expected];
  if (issue.code === 'invalid_value') return issue.values;
  if (issue.code !== 'invalid_union') return [];
  return issue.errors.flatMap((inner) => inner.filter(({ path }) => path.length === 0).flatMap(wanted));
}

function readAs(type: unknown, text: string): readonly (number | boolean)[] {
  if ((type === 'number' || type === 'int') && /^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(text))
    return [Number(text)];
  if ((type === 'boolean' || type === true) && text === 'true') return [true];
  if ((type === 'boolean' || type === false) && text === 'false') return [false];
  if (typeof type === 'number' && String(type) === text) return [type];
  return [];
}
