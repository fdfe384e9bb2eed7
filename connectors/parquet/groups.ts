import type { StoredFile } from './store.js';

/** What this plugin has made, and so may merge. */
const ours = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|merged-\d{6})\.parquet$/;

/** Of one group: as many as S3 removes by one request. */
const mostFiles = 1000;

export function isOurs(name: string): boolean {
  return ours.test(name);
}

/**
 * The small files of a place, by which are to be one: those that lie next to each other in time, together no
 * larger than a merged file shall be. A file of half that size is left as it is.
 * @param size bytes
 */
export function groupsOf(files: readonly StoredFile[], size: number): StoredFile[][] {
  const groups: StoredFile[][] = [];
  let [group, bytes]: [StoredFile[], number] = [[], 0];
  for (const file of files) {
    if (!isOurs(file.key.slice(file.key.lastIndexOf('/') + 1)) || file.bytes >= size / 2) continue;
    if (bytes + file.bytes > size || group.length === mostFiles) {
      groups.push(group);
      [group, bytes] = [[], 0];
    }
    group.push(file);
    bytes += file.bytes;
  }
  return [...groups, group].filter(({ length }) => length > 1);
}

export function bytesOf(files: readonly StoredFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
