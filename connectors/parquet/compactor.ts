import { stat } from 'node:fs/promises';
import { type Compaction, ConfigError, RetryableError } from 'hookline/plugin';
import { type FileSize, OutOfMemory, type ParquetFiles } from './files.js';
import { bytesOf, groupsOf, isOurs } from './groups.js';
import { type Merge, Merges } from './merges.js';
import { endOf, isPlace } from './place.js';
import { Gone, type Store, type StoredFile } from './store.js';

export interface CompactorSettings {
  /** Bytes. */
  readonly compactTo: number;
  /** Milliseconds. */
  readonly compactAfter: number;
  /** Bytes. */
  readonly memoryLimit: number;
}

/** Rows of more bytes on average are merged in memory, so not more of them than it holds. */
const largeRow = 32 * 1024;
/** How often a place is looked at anew because somebody else merged files in it. */
const tries = 10;

/**
 * Merges the small files of each hour that is over; `Merges` says what makes that safe. The merged file is
 * put before its sources are removed: for the moment in between a reader that lists sees rows twice, but
 * never fewer.
 */
export class Compactor {
  readonly #store: Store;
  readonly #files: ParquetFiles;
  readonly #settings: CompactorSettings;

  constructor(store: Store, files: ParquetFiles, settings: CompactorSettings) {
    this.#store = store;
    this.#files = files;
    this.#settings = settings;
  }

  async compact(table: string, dry: boolean, signal: AbortSignal): Promise<Compaction[]> {
    const done: Compaction[] = [];
    const places = await this.#places(table, signal);
    if (places.length > 0 && !dry && !(await this.#store.isExclusive(signal))) {
      throw new ConfigError(
        `${this.#store.root}: this store may make a file twice (it does not heed If-None-Match, or has no links), so that merging would put rows at risk`,
      );
    }
    for (const place of places) {
      const merges = new Merges(this.#store, `${table}/${place}`);
      if (dry) {
        const taken = takenBy(await merges.all(signal), merges);
        const files = await this.#store.files(`${table}/${place}`, signal);
        for (const group of groupsOf(
          files.filter(({ key }) => !taken.has(key)),
          this.#settings.compactTo,
        )) {
          done.push({ place, pieces: group.length, bytes: bytesOf(group) });
        }
      } else {
        done.push(...(await this.#compact(table, place, merges, signal)));
      }
    }
    return done;
  }

  /** Where there may be something to merge, or to end that was begun: several files of ours. */
  async #places(table: string, signal: AbortSignal): Promise<string[]> {
    const counts = new Map<string, number>();
    for await (const { key } of this.#store.all(table, signal)) {
      const [, place = '', name = ''] = /^(.*)\/([^/]*)$/.exec(key.slice(table.length + 1)) ?? [];
      if (isPlace(place) && isOurs(name)) counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    const settled = Date.now() - this.#settings.compactAfter;
    return [...counts]
      .filter(([place, count]) => count > 1 && endOf(place) <= settled)
      .map(([place]) => place)
      .sort();
  }

  async #compact(table: string, place: string, merges: Merges, signal: AbortSignal): Promise<Compaction[]> {
    const done: Compaction[] = [];
    const unfit = new Set<string>();
    for (let left = tries; ; ) {
      try {
        const merged = await this.#step(table, place, merges, unfit, signal);
        if (merged === 'nothing') return done;
        if (merged !== 'again') done.push(merged);
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        left -= 1;
        if (left === 0) throw new RetryableError(`${table}/${place}: ${error.message}`, { cause: error });
      }
    }
  }

  /** Ends what was begun, or else merges one group of files. */
  async #step(
    table: string,
    place: string,
    merges: Merges,
    unfit: Set<string>,
    signal: AbortSignal,
  ): Promise<Compaction | 'again' | 'nothing'> {
    const records = await merges.all(signal);
    const files = await this.#store.files(`${table}/${place}`, signal);
    const begun = records.at(-1);
    if (begun !== undefined && !(await this.#store.has(merges.keyOf(begun.into), signal))) {
      const sources = begun.sources.map((name) => named(merges.keyOf(name), files));
      return await this.#build(sources, signal, async (draft, mergedBytes) => {
        await this.#publish(merges, begun, draft, signal);
        return { place, pieces: sources.length, bytes: bytesOf(sources), mergedBytes };
      });
    }
    const taken = takenBy(records, merges);
    const stale = files.filter(({ key }) => taken.has(key)).map(({ key }) => key);
    if (stale.length > 0) await this.#store.remove(stale, signal);

    const left = files.filter(({ key }) => !taken.has(key) && !unfit.has(key));
    const [group] = groupsOf(left, this.#settings.compactTo);
    if (group === undefined) return 'nothing';
    const sources = await this.#fitting(group, signal);
    const done = await this.#begin(place, merges, records.length + 1, sources, signal);
    if (done !== 'too large') return done;
    const [first] = group;
    if (first !== undefined) unfit.add(first.key);
    return 'again';
  }

  /** Merges files, or as many of them as the memory allows. */
  async #begin(
    place: string,
    merges: Merges,
    number: number,
    sources: readonly StoredFile[],
    signal: AbortSignal,
  ): Promise<Compaction | 'again' | 'too large'> {
    if (sources.length < 2) return 'too large';
    const names = sources.map(({ key }) => key.slice(merges.keyOf('').length));
    const merge = { into: `merged-${String(number).padStart(6, '0')}.parquet`, sources: names };
    try {
      return await this.#build(sources, signal, async (draft, mergedBytes) => {
        if (!(await merges.record(number, merge, signal))) return 'again';
        await this.#publish(merges, merge, draft, signal);
        return { place, pieces: sources.length, bytes: bytesOf(sources), mergedBytes };
      });
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      return await this.#begin(place, merges, number, sources.slice(0, sources.length >> 1), signal);
    }
  }

  /** Puts the merged file in the place of its sources. */
  async #publish(merges: Merges, merge: Merge, draft: string, signal: AbortSignal): Promise<void> {
    await this.#store.create(merges.keyOf(merge.into), draft, signal);
    await this.#store.remove(
      merge.sources.map((name) => merges.keyOf(name)),
      signal,
    );
    // Whoever was slow enough for others to end this, and to merge it on, has made it a second time.
    await merges.took(merge.into, signal);
  }

  /** Makes the merged file as a draft, and proves that no row is missing in it. */
  async #build<T>(
    sources: readonly StoredFile[],
    signal: AbortSignal,
    task: (draft: string, bytes: number) => Promise<T>,
  ): Promise<T> {
    return await this.#withLocal(sources, signal, async (paths) => {
      const sizes: FileSize[] = [];
      for (const path of paths) sizes.push(await this.#files.size(path, signal));
      const size = sumOf(sizes);
      return await this.#store.draft(async (draft) => {
        await this.#files.merge(paths, size, draft, signal);
        const { rows } = await this.#files.size(draft, signal);
        if (rows !== size.rows)
          throw new Error(`merging ${size.rows} rows made ${rows}: nothing was changed`);
        return await task(draft, (await stat(draft)).size);
      });
    });
  }

  /** The first files of a group, as many as can be merged within the memory. */
  async #fitting(group: readonly StoredFile[], signal: AbortSignal): Promise<StoredFile[]> {
    const sizes: FileSize[] = [];
    for (const file of group) {
      sizes.push(await this.#store.footer(file, signal, (path) => this.#files.size(path, signal)));
      const { rows, rawBytes } = sumOf(sizes);
      if (rawBytes > rows * largeRow && rawBytes > this.#settings.memoryLimit / 4) break;
    }
    const { rows, rawBytes } = sumOf(sizes);
    const all = rawBytes <= rows * largeRow || rawBytes <= this.#settings.memoryLimit / 4;
    return group.slice(0, all ? sizes.length : sizes.length - 1);
  }

  async #withLocal<T>(
    files: readonly StoredFile[],
    signal: AbortSignal,
    task: (paths: readonly string[]) => Promise<T>,
    paths: readonly string[] = [],
  ): Promise<T> {
    const [file, ...others] = files;
    if (file === undefined) return await task(paths);
    return await this.#store.local(file, signal, (path) =>
      this.#withLocal(others, signal, task, [...paths, path]),
    );
  }
}

function takenBy(records: readonly Merge[], merges: Merges): ReadonlySet<string> {
  return new Set(records.flatMap(({ sources }) => sources).map((name) => merges.keyOf(name)));
}

/** @throws Gone when it is not among them: somebody else has merged it since they were listed */
function named(key: string, files: readonly StoredFile[]): StoredFile {
  const file = files.find((each) => each.key === key);
  if (file === undefined) throw new Gone(key);
  return file;
}

function sumOf(sizes: readonly FileSize[]): FileSize {
  return {
    rows: sizes.reduce((sum, { rows }) => sum + rows, 0),
    rawBytes: sizes.reduce((sum, { rawBytes }) => sum + rawBytes, 0),
  };
}
