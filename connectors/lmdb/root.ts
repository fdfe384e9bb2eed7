import { open, type RootDatabase } from 'lmdb';
import { ConfigError, messageOf } from '../../core/index.js';
import { damageOf, lacksRoom } from './data-file.js';

/**
 * Opens LMDB's own environment, where its file may be one and its disk has room.
 * @param what names the owner in messages
 * @throws ConfigError
 */
export function openRoot(what: string, path: string, mapSize: number): RootDatabase<Buffer, Buffer> {
  const damage = damageOf(path);
  if (damage !== undefined) {
    throw new ConfigError(
      `the file data.mdb in ${path} is damaged or not a ${what}: ${damage}; it was left as it is: ` +
        'move it away or restore it, or set another path',
    );
  }
  if (lacksRoom(path)) {
    throw new ConfigError(`the disk of the ${what} at ${path} is full: make room on it, or set another path`);
  }
  const options = {
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    eventTurnBatching: false,
    maxReaders: 1022,
    maxDbs: 24,
    mapSize,
    permissionsMode: 0o600,
  } as const;
  try {
    const root = open<Buffer, Buffer>(path, options);
    assertReadable(what, path, root);
    return root;
  } catch (cause) {
    throw cause instanceof ConfigError ? cause : unusable(what, path, cause);
  }
}

/** It is open, and nobody can read: LMDB gives this process no lock for its pid. */
export class Unreadable extends ConfigError {}

/**
 * Whoever reads takes a lock for its pid, as LMDB's table of readers goes by pids. A process that does not get it, as
 * one of another container has the same pid, takes no reader of the other's for its own, also when it ends.
 */
function assertReadable(what: string, path: string, root: RootDatabase<Buffer, Buffer>): void {
  try {
    root.get(Buffer.from('anything'));
  } catch (cause) {
    void root.close();
    throw new Unreadable(unusable(what, path, cause).message, { cause });
  }
}

export function unusable(what: string, path: string, cause: unknown): ConfigError {
  return new ConfigError(
    `the ${what} at ${path} cannot be opened: ${messageOf(cause)}; check the folder's rights, or set another path`,
    { cause },
  );
}
