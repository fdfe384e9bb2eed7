import type { Path } from './path.js';

/** A YAML file as a tree of values that know where they stand; aliases, merges and `${...}` are resolved. */
export type Tree = ScalarNode | MappingNode | ListNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  /** Where the value starts, as an offset in the text. */
  readonly at: number;
  readonly value: string | number | bigint | boolean | null;
  /** Nothing is written there, as after `key:`. */
  readonly empty: boolean;
  /** The references that the value was made from, as `${NAME}`: its text is then never shown. */
  readonly references: readonly string[];
  /** A problem was reported for it already; its value means nothing. */
  readonly broken: boolean;
}

export interface MappingNode {
  readonly kind: 'mapping';
  readonly at: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface ListNode {
  readonly kind: 'list';
  readonly at: number;
  readonly entries: readonly Entry[];
}

/** A value under its key, or in its list. */
export interface Entry {
  /** Where the key starts; for an item of a list, where the item starts. */
  readonly keyAt: number;
  readonly node: Tree;
}

/** Where a complaint about the value points: at the value, or at its key when nothing is written there. */
export function pointOf(entry: Entry): number {
  return entry.node.kind === 'scalar' && entry.node.empty ? entry.keyAt : entry.node.at;
}

export function isNothing(node: Tree): boolean {
  return node.kind === 'scalar' && node.value === null && !node.broken;
}

/** Follows a path as far as it goes: the entry, if there is one, and the last one on the way to it. */
export function follow(root: Entry, path: Path): { readonly found: Entry | undefined; readonly last: Entry } {
  let last = root;
  for (const step of path) {
    const { node } = last;
    let next: Entry | undefined;
    if (node.kind === 'mapping') next = node.entries.get(String(step));
    else if (node.kind === 'list') next = node.entries[Number(step)];
    if (next === undefined) return { found: undefined, last };
    last = next;
  }
  return { found: last, last };
}

/** No schema takes a function, so nothing is made of a broken value; complaints about it are dropped. */
const nothing = (): void => {};

/**
 * The tree as plain values, for a schema. Mappings have no prototype, so that a key like `__proto__` is
 * one like any other.
 */
export function plain(node: Tree, converted: ReadonlyMap<ScalarNode, unknown> = new Map()): unknown {
  if (node.kind === 'list') return node.entries.map((entry) => plain(entry.node, converted));
  if (node.kind === 'mapping') {
    const values: Record<string, unknown> = Object.create(null);
    for (const [key, entry] of node.entries) values[key] = plain(entry.node, converted);
    return values;
  }
  if (node.broken) return nothing;
  return converted.has(node) ? converted.get(node) : node.value;
}

/** Every scalar of the tree. */
export function* scalars(node: Tree): Generator<ScalarNode> {
  if (node.kind === 'scalar') yield node;
  else for (const entry of node.entries.values()) yield* scalars((entry as Entry).node);
}
