import type { z } from 'zod';
import { blank } from '../core/host/mask.js';
import type { Path } from './path.js';
import { leaves } from './secrets.js';
import { keysOf, type Shape, shapeAt } from './shape.js';
import type { Source } from './source.js';
import { type Entry, follow, pointOf, type ScalarNode, scalars, type Tree } from './tree.js';
import { actual, didYouMean, expectation, known, refusal, remedy } from './wording.js';

/** Stands for "the schema has no message of its own": then `wording.ts` finds one. */
export const unworded = '\u0000';

export interface Place {
  readonly source: Source;
  readonly entry: Entry;
  readonly path: Path;
  /** Further keys that someone else reads; named when an unknown key resembles one of them. */
  readonly otherKeys?: readonly string[];
}

/** The text without the values that must not be shown. */
export function redact(text: string, { entry }: Place, hides: (scalar: ScalarNode) => boolean): string {
  let clean = text;
  for (const scalar of scalars(entry.node)) {
    if (hides(scalar)) clean = blank(clean, String(scalar.value ?? ''), 4);
  }
  return clean;
}

/** Turns a schema's issues into problems at the keys and values that they are about. */
export class Complaints {
  readonly #schema: z.ZodType;
  readonly #place: Place;
  /** One complaint about each value: the first says it, the others follow from it. */
  readonly #reported = new Set<string>();

  constructor(schema: z.ZodType, place: Place) {
    this.#schema = schema;
    this.#place = place;
  }

  report(issues: readonly z.core.$ZodIssue[]): void {
    // A key that was mistyped is not missing as well.
    const mistyped = new Set<string>();
    for (const issue of issues) if (issue.code === 'unrecognized_keys') this.#unknown(issue, mistyped);
    for (const issue of issues) if (issue.code !== 'unrecognized_keys') this.#refused(issue, mistyped);
  }

  #unknown(issue: z.core.$ZodIssueUnrecognizedKeys, mistyped: Set<string>): void {
    const { source, entry, path, otherKeys = [] } = this.#place;
    const at = issue.path as Path;
    const { last } = follow(entry, at);
    const own = keysOf(shapeAt(this.#schema, at));
    const candidates = at.length === 0 ? [...own, ...otherKeys] : own;
    const present = last.node.kind === 'mapping' ? last.node.entries : new Map<string, Entry>();
    const free = candidates.filter((key) => !present.has(key));
    for (const key of issue.keys) {
      const meant = didYouMean(key, free) ?? didYouMean(key, candidates);
      for (const candidate of free) {
        if (meant?.includes(`\`${candidate}\``)) mistyped.add(JSON.stringify([...at, candidate]));
      }
      const hint = meant ?? known(candidates, 'there are no keys here');
      source.report(present.get(key)?.keyAt ?? last.keyAt, [...path, ...at, key], 'unknown key', hint);
    }
  }

  #refused(issue: z.core.$ZodIssue, mistyped: ReadonlySet<string>): void {
    const { source, entry, path } = this.#place;
    const at = issue.path as Path;
    const id = JSON.stringify(at);
    if (this.#reported.has(id)) return;
    this.#reported.add(id);
    const { found, last } = follow(entry, at);
    const shape = shapeAt(this.#schema, at);
    if (found === undefined) {
      if (mistyped.has(id) || (last.node.kind === 'scalar' && last.node.broken)) return;
      source.report(last.keyAt, [...path, ...at], `missing${this.#wish(issue, shape)}`);
      return;
    }
    if (found.node.kind === 'scalar' && found.node.broken) return;
    if (issue.message === unworded) {
      const hidden = this.#hides(found.node, shape);
      const what = refusal(issue, shape, found.node, hidden);
      source.report(pointOf(found), [...path, ...at], what, remedy(issue, shape, found.node, hidden));
    } else {
      source.report(pointOf(found), [...path, ...at], this.#own(issue.message, found, shape));
    }
  }

  /** A schema's own message, with what the file has instead, and without what must not be shown. */
  #own(message: string, found: Entry, shape: Shape): string {
    const secrets = this.#secrets();
    const clean = redact(message, this.#place, (scalar) => secrets.has(scalar));
    const { node } = found;
    if (!/^expected /.test(clean) || / got /.test(clean)) return clean;
    return `${clean}, got ${actual(node, this.#hides(node, shape))}`;
  }

  #wish(issue: z.core.$ZodIssue, shape: Shape): string {
    if (issue.message !== unworded) return `${/^expected /.test(issue.message) ? ',' : ':'} ${issue.message}`;
    const words = expectation(shape);
    return words === undefined ? '' : `, expected ${words}`;
  }

  #hides(node: Tree, shape: Shape): boolean {
    if (shape.secret || shape.alternatives.length === 0) return true;
    return node.kind === 'scalar' && node.references.length > 0;
  }

  /** The scalars whose text is never shown. */
  #secrets(): ReadonlySet<ScalarNode> {
    const found = new Set<ScalarNode>();
    for (const { node, path } of leaves(this.#place.entry)) {
      if (this.#hides(node, shapeAt(this.#schema, path))) found.add(node);
    }
    return found;
  }
}
