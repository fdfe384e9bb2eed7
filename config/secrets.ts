import type { z } from 'zod';
import { hide } from '../core/host/mask.js';
import type { Path } from './path.js';
import { shapeAt } from './shape.js';
import type { Entry, ScalarNode } from './tree.js';

/** What a configuration keeps secret, and what it says openly. */
export class Secrets {
  readonly #secret = new Set<string>();
  readonly #open = new Set<string>();

  /** Notes every value that the schema is about: what it declares secret, and the password of any URL. */
  note(schema: z.ZodType, entry: Entry): void {
    for (const { node, path } of leaves(entry)) {
      const text = String(node.value ?? '');
      const { secret, alternatives } = shapeAt(schema, path);
      if (secret) this.#secret.add(text);
      // What another schema describes, or none, is not said openly.
      else if (alternatives.length > 0) this.#open.add(text);
      if (!URL.canParse(text)) continue;
      const { username, password } = new URL(text);
      for (const form of [password, decoded(password)]) this.#secret.add(form);
      this.#open.add(decoded(username));
    }
  }

  /** Notes a word that may be shown. */
  say(word: string): void {
    this.#open.add(word);
  }

  /**
   * From now on the secrets are masked in every message. Not one that is an open word as well, such as
   * the password `postgres` of a user of that name: it would blank out innocent words, and be told by that.
   */
  hide(): void {
    for (const secret of this.#secret) if (!this.#open.has(secret)) hide(secret);
  }
}

/** Every scalar with its path from the entry. */
export function* leaves(
  { node }: Entry,
  path: Path = [],
): Generator<{ readonly node: ScalarNode; readonly path: Path }> {
  if (node.kind === 'scalar') yield { node, path };
  else for (const [key, entry] of node.entries.entries()) yield* leaves(entry, [...path, key]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
