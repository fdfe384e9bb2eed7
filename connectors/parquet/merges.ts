import { writeFile } from 'node:fs/promises';
import { RetryableError } from 'hookline/plugin';
import { z } from 'zod';
import { ownFolder } from './name.js';
import type { Store } from './store.js';

/** What becomes of the files of a place; names are those of files in it. */
export interface Merge {
  readonly into: string;
  readonly sources: readonly string[];
}

const schema = z.object({ into: z.string(), sources: z.array(z.string()) });

/**
 * The records of the merges of one place: `_hookline/<table>/<place>/1.json`, `2.json` … They are what makes
 * merging safe, and rest on one thing alone: a record is made at once, and only where there is none.
 *
 * - A record is made when the files that it names are there, and before the file is that they become.
 * - No file is in two of them as a source. So none is merged twice, whoever does it.
 * - A source is removed only once its rows are in the other file: once the merge has taken effect.
 * - The next record is made only then. So of all merges only the last may not have taken effect yet.
 * - Records stay. So a batch that comes again, however late, is recognised though its file is gone.
 */
export class Merges {
  readonly #store: Store;
  /** The folder of the place. */
  readonly #folder: string;

  constructor(store: Store, folder: string) {
    this.#store = store;
    this.#folder = folder;
  }

  /** All that there are, in their order. */
  async all(signal: AbortSignal): Promise<Merge[]> {
    const merges: Merge[] = [];
    for (;;) {
      const key = this.#key(merges.length + 1);
      const record = await this.#store.read(key, signal);
      if (record === undefined) return merges;
      merges.push(parse(record, key));
    }
  }

  /** Records the next merge; false when somebody else has recorded one. */
  async record(number: number, merge: Merge, signal: AbortSignal): Promise<boolean> {
    return await this.#store.draft(async (path) => {
      await writeFile(path, JSON.stringify(merge));
      return await this.#store.create(this.#key(number), path, signal);
    });
  }

  /**
   * Whether a file is one that is merged, or is about to be: then its rows have landed. One that came back
   * after its rows were elsewhere, as its batch came again, is removed.
   */
  async took(name: string, signal: AbortSignal): Promise<boolean> {
    const merges = await this.all(signal);
    const at = merges.findIndex(({ sources }) => sources.includes(name));
    const merge = merges[at];
    if (merge === undefined) return false;
    const effective = at < merges.length - 1 || (await this.#store.has(this.keyOf(merge.into), signal));
    const key = this.keyOf(name);
    if (effective && (await this.#store.has(key, signal))) await this.#store.remove([key], signal);
    return true;
  }

  keyOf(name: string): string {
    return `${this.#folder}/${name}`;
  }

  #key(number: number): string {
    return `${ownFolder}/${this.#folder}/${number}.json`;
  }
}

function parse(record: Buffer, key: string): Merge {
  try {
    return schema.parse(JSON.parse(record.toString()));
  } catch {
    throw new RetryableError(
      `${key} is not what hookline compact has written there: put it back from a backup`,
    );
  }
}
