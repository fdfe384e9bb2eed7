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
    return open<Buffer, Buffer>(path, options);
  } catch (cause) {
    throw unusable(what, path, cause);
  }
}

export function unusable(what: string, path: string, cause: unknown): ConfigError {
  return new ConfigError(
    `the ${what} at ${path} cannot be opened: ${messageOf(cause)}; check the folder's rights, or set another path`,
    { cause },
  );
}
