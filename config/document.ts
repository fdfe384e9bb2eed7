import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { interpolate, type Surroundings } from './interpolate.js';
import type { Path } from './path.js';
import type { Source } from './source.js';
import { reportSyntax } from './syntax.js';
import type { Entry, ListNode, MappingNode, ScalarNode, Tree } from './tree.js';

/** Aliases of aliases grow without bounds ("a billion laughs"); no honest file comes near. */
const mostNodes = 100_000;

/**
 * Reads YAML 1.2 into a tree. Syntax errors, duplicate keys, broken aliases and `${...}` without a value
 * are reported to the source.
 * @returns undefined when the text is not YAML, or when nothing is in it
 */
export function readDocument(source: Source, env: NodeJS.ProcessEnv): Tree | undefined {
  const document = parseDocument(source.text, {
    schema: 'core',
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
  });
  if (reportSyntax(source, document)) return undefined;
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    source.report(0, [], 'the file is empty', '`hookline init` writes one to start from');
    return undefined;
  }
  return new Reader(source, document, { env, folder: source.folder }).read(document.contents, [], 0);
}

class Reader {
  readonly #source: Source;
  readonly #document: Document;
  readonly #surroundings: Surroundings;
  /** The collections that are being read: an alias to one of them would never end. */
  readonly #open = new Set<unknown>();
  readonly #scalars = new Map<Scalar, ScalarNode>();
  #count = 0;

  constructor(source: Source, document: Document, surroundings: Surroundings) {
    this.#source = source;
    this.#document = document;
    this.#surroundings = surroundings;
  }

  read(node: unknown, path: Path, keyAt: number): Tree {
    this.#count++;
    if (this.#count > mostNodes) {
      this.#source.report(keyAt, [], `more than ${mostNodes} values, counting what aliases repeat`);
      throw this.#source.problems();
    }
    if (isAlias(node)) return this.#alias(node, path, keyAt);
    if (isScalar(node)) return this.#scalar(node, path, keyAt);
    if (!isMap(node) && !isSeq(node)) return broken(keyAt, node === null);
    if (this.#open.has(node)) {
      this.#source.report(keyAt, path, 'the alias stands inside of what it repeats');
      return broken(keyAt);
    }
    this.#open.add(node);
    const tree = isMap(node)
      ? this.#mapping(node, path)
      : this.#list(node.items, node.range?.[0] ?? keyAt, path);
    this.#open.delete(node);
    return tree;
  }

  #alias(alias: Alias, path: Path, keyAt: number): Tree {
    const target = alias.resolve(this.#document);
    const at = alias.range?.[0] ?? keyAt;
    if (target !== undefined) return this.read(target, path, at);
    // Its name is not shown: it may be a password that begins with `*`.
    this.#source.report(at, path, 'no anchor of this name above', 'a text that begins with `*` needs quotes');
    return broken(at);
  }

  #scalar(scalar: Scalar, path: Path, keyAt: number): ScalarNode {
    const known = this.#scalars.get(scalar);
    if (known !== undefined) return known;
    const at = scalar.range?.[0] ?? keyAt;
    const value = scalar.value as ScalarNode['value'];
    let node: ScalarNode = {
      kind: 'scalar',
      at,
      value,
      empty: isEmpty(scalar),
      references: [],
      broken: false,
    };
    if (typeof value === 'string' && value.includes('${')) {
      const { value: text, references, faults } = interpolate(value, this.#surroundings);
      for (const { index, what, hint } of faults)
        this.#source.report(this.#dollar(scalar, index), path, what, hint);
      node = { ...node, value: text, references, broken: faults.length > 0 };
    }
    this.#scalars.set(scalar, node);
    return node;
  }

  /** Where the nth `${` of a scalar stands; in a text with escapes, where the scalar starts. */
  #dollar(scalar: Scalar, index: number): number {
    const [start, end] = scalar.range ?? [0, 0];
    const count = (text: string): number[] => [...text.matchAll(/\$\{/g)].map((match) => match.index);
    const written = count(this.#source.text.slice(start, end));
    const meant = count(String(scalar.value));
    return start + (written.length === meant.length ? (written[index] ?? 0) : 0);
  }

  #list(items: readonly unknown[], at: number, path: Path): ListNode {
    const entries = items.map((item, index): Entry => {
      const itemAt = rangeOf(item) ?? at;
      return { keyAt: itemAt, node: this.read(item, [...path, index], itemAt) };
    });
    return { kind: 'list', at, entries };
  }

  #mapping(map: YAMLMap, path: Path): MappingNode {
    const entries = new Map<string, Entry>();
    const merged: Tree[] = [];
    const at = map.range?.[0] ?? 0;
    for (const pair of map.items) {
      const keyAt = rangeOf(pair.key) ?? at;
      const key = this.#key(pair, keyAt, path);
      if (key === undefined) continue;
      const first = entries.get(key);
      if (isMerge(pair)) {
        merged.push(...this.#merged(pair.value, path, keyAt));
      } else if (first !== undefined) {
        const { line } = this.#source.position(first.keyAt);
        this.#source.report(
          keyAt,
          [...path, key],
          'duplicate key',
          `the first one is in line ${line}; keep one`,
        );
      } else {
        entries.set(key, { keyAt, node: this.read(pair.value, [...path, key], keyAt) });
      }
    }
    for (const mapping of merged) {
      if (mapping.kind !== 'mapping') continue;
      for (const [key, entry] of mapping.entries) if (!entries.has(key)) entries.set(key, entry);
    }
    return { kind: 'mapping', at, entries };
  }

  /** A plain key is its text as it is written, so that `0x1F` stays what the user sees. */
  #key(pair: Pair, keyAt: number, path: Path): string | undefined {
    const key = isAlias(pair.key) ? pair.key.resolve(this.#document) : pair.key;
    if (isScalar(key) && typeof key.value === 'string') return key.value;
    if (isScalar(key) && !isEmpty(key)) return key.source ?? String(key.value);
    this.#source.report(keyAt, path, 'a key must be a word', 'write `key: value`');
    return undefined;
  }

  /** What `<<` brings in: a mapping or a list of them, the earlier the stronger. */
  #merged(value: unknown, path: Path, keyAt: number): readonly Tree[] {
    const tree = this.read(value, path, keyAt);
    const trees = tree.kind === 'list' ? tree.entries.map((entry) => entry.node) : [tree];
    if (!trees.every((each) => each.kind === 'mapping' || (each.kind === 'scalar' && each.broken))) {
      this.#source.report(keyAt, [...path, '<<'], 'only mappings can be merged', 'write `<<: *anchor`');
    }
    return trees;
  }
}

function isMerge({ key }: Pair): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === '<<';
}

function isEmpty(scalar: Scalar): boolean {
  return scalar.value === null && (scalar.source ?? '') === '';
}

function rangeOf(node: unknown): number | undefined {
  return (node as { readonly range?: readonly number[] | null } | null | undefined)?.range?.[0];
}

function broken(at: number, isNull = false): ScalarNode {
  return { kind: 'scalar', at, value: null, empty: true, references: [], broken: !isNull };
}
