import { RetryableError, type TimeRange } from 'hookline/plugin';
import type { ParquetFiles } from './files.js';
import { Merges } from './merges.js';
import { isPlace, overlaps } from './place.js';
import { Gone, type Store, type StoredFile } from './store.js';

type Offer = (ids: string[]) => Promise<void>;

/** How often a place is listed anew because files in it were merged meanwhile. */
const tries = 5;

/** Offers the request ids of the rows of a range, file by file, of the hours that it touches. */
export async function listRows(
  store: Store,
  files: ParquetFiles,
  table: string,
  range: TimeRange,
  offer: Offer,
  signal: AbortSignal,
): Promise<void> {
  for (const day of await store.folders(table, signal)) {
    for (const hour of await store.folders(`${table}/${day}`, signal)) {
      const place = `${day}/${hour}`;
      if (!isPlace(place) || !overlaps(place, range)) continue;
      await listPlace(store, files, `${table}/${place}`, range, offer, signal);
    }
  }
}

async function listPlace(
  store: Store,
  files: ParquetFiles,
  folder: string,
  range: TimeRange,
  offer: Offer,
  signal: AbortSignal,
  left = tries,
): Promise<void> {
  let offered = false;
  try {
    for (const file of await currentFiles(store, folder, signal)) {
      await store.local(file, signal, (path) =>
        files.list(path, range, signal, async (ids) => {
          offered = true;
          await offer(ids);
        }),
      );
    }
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
    // What was offered cannot be taken back, and would come again out of the merged file.
    if (offered || left === 0) {
      throw new RetryableError(`${folder}: its files were merged while they were listed; list them again`);
    }
    await listPlace(store, files, folder, range, offer, signal, left - 1);
  }
}

/** Those that hold each row once: a merged file and what it was made of may both be there. */
async function currentFiles(store: Store, folder: string, signal: AbortSignal): Promise<StoredFile[]> {
  const found = (await store.files(folder, signal)).filter(({ key }) =>
    /\/[^_./][^/]*\.parquet$/.test(key.slice(folder.length)),
  );
  const merges = new Merges(store, folder);
  const keys = new Set(found.map(({ key }) => key));
  const merged = new Set<string>();
  // The last first: what was merged may have been merged on.
  for (const { into, sources } of (await merges.all(signal)).toReversed()) {
    const target = merges.keyOf(into);
    const from = sources.map((source) => merges.keyOf(source));
    if (keys.has(target) || merged.has(target)) for (const source of from) merged.add(source);
    // They are there until it is: so they were merged while they were listed.
    else if (!from.every((source) => keys.has(source))) throw new Gone(target);
  }
  return found.filter(({ key }) => !merged.has(key));
}
