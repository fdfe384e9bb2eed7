import type { Row } from 'hookline/plugin';
import type { ParquetFiles } from './files.js';
import { isPlace, newestFirst, sealedAt } from './place.js';
import { Gone, type Store, type StoredFile } from './store.js';

/** How often a place is listed anew because files in it were merged meanwhile. */
const tries = 5;

/** The newest rows of a table, newest first. Reads the newest hours only, and of those the newest files. */
export async function newestRows(
  store: Store,
  files: ParquetFiles,
  table: string,
  limit: number,
  signal: AbortSignal,
): Promise<Row[]> {
  const rows = new Map<string, Row>();
  for (const day of newestFirst(await store.folders(table, signal))) {
    const hours = await store.folders(`${table}/${day}`, signal);
    for (const hour of newestFirst(hours).filter((name) => isPlace(`${day}/${name}`))) {
      for (const row of await newestOf(store, files, `${table}/${day}/${hour}`, limit, signal)) {
        rows.set(row.requestId, row);
      }
      if (rows.size >= limit) return newest(rows.values(), limit);
    }
  }
  return newest(rows.values(), limit);
}

async function newestOf(
  store: Store,
  files: ParquetFiles,
  folder: string,
  limit: number,
  signal: AbortSignal,
  left = tries,
): Promise<Row[]> {
  // By the id, as a merge may show a row twice for a moment.
  const rows = new Map<string, Row>();
  const found = (await store.files(folder, signal)).filter(({ key }) => key.endsWith('.parquet'));
  const sealed = (file: StoredFile) => sealedAt(file.key.slice(folder.length + 1));
  try {
    for (const file of found.toSorted((a, b) => sealed(b) - sealed(a))) {
      const least = newest(rows.values(), limit)[limit - 1];
      if (least !== undefined && least.timestamp >= sealed(file)) break;
      const some = await store.local(file, signal, (path) => files.newest(path, limit, signal));
      for (const row of some) rows.set(row.requestId, row);
    }
  } catch (error) {
    if (!(error instanceof Gone) || left === 0) throw error;
    return await newestOf(store, files, folder, limit, signal, left - 1);
  }
  return newest(rows.values(), limit);
}

function newest(rows: Iterable<Row>, limit: number): Row[] {
  return [...rows].sort((a, b) => b.timestamp - a.timestamp).slice(0, limit);
}
