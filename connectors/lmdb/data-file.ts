import { closeSync, existsSync, fstatSync, openSync, readSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

/** LMDB's `MDB_meta`, as `dependencies/lmdb/libraries/liblmdb/mdb.c` lays it out on 64-bit machines. */
const at = { magic: 24, pageSize: 48, freeRoot: 88, mainRoot: 136, transaction: 152, end: 160 } as const;
const magic = 0xbeefc0de;

/** The lock file of 1022 readers has 65 KiB. */
const roomForNew = 1024 * 1024;
const none = 0xffff_ffff_ffff_ffffn;

/**
 * Why the data file in the folder cannot be an LMDB file; `undefined` when it may be one, or when there is
 * none yet. lmdb-js 3.5.6 ends the process with a segmentation fault when it opens anything else, and a
 * page beyond the end of a cut file is a bus error: so look before it does.
 */
export function damageOf(folder: string): string | undefined {
  let file: number;
  try {
    file = openSync(join(folder, 'data.mdb'), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return (error as Error).message;
  }
  try {
    // Other processes write meanwhile: damage is what is still there at the third look.
    return damageIn(file) && damageIn(file) && damageIn(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Whether a new lock file would not fit. LMDB maps it without having its blocks, so on a disk that is full
 * to the last block the first write to it is a bus error.
 */
export function lacksRoom(folder: string): boolean {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize < roomForNew && !existsSync(join(folder, 'lock.mdb'));
}

function damageIn(file: number): string | undefined {
  if (!fstatSync(file).isFile()) return 'it is not a file';
  if (fstatSync(file).size === 0) return undefined;
  const first = readMeta(file, 0);
  if (first === undefined) return 'it does not begin like an LMDB file';
  const second = readMeta(file, first.pageSize);
  if (second === undefined) return 'its second page is not one of an LMDB file';
  const newest = second.transaction > first.transaction ? second : first;
  // Asked after the roots were read, as a root is written after its pages.
  const { size } = fstatSync(file);
  const cut = newest.roots.some((root) => root !== none && (Number(root) + 1) * newest.pageSize > size);
  return cut ? 'its end is missing' : undefined;
}

interface Meta {
  readonly pageSize: number;
  readonly transaction: bigint;
  readonly roots: readonly bigint[];
}

function readMeta(file: number, offset: number): Meta | undefined {
  const bytes = Buffer.alloc(at.end);
  if (readSync(file, bytes, 0, at.end, offset) < at.end) return undefined;
  if (bytes.readUInt32LE(at.magic) !== magic) return undefined;
  return {
    pageSize: bytes.readUInt32LE(at.pageSize),
    transaction: bytes.readBigUInt64LE(at.transaction),
    roots: [bytes.readBigUInt64LE(at.freeRoot), bytes.readBigUInt64LE(at.mainRoot)],
  };
}
