import { ConfigError, instructionOf, RetryableError } from 'hookline/plugin';
import { Gone } from './store.js';

/** Set-ups that are at fault, by the system's code; all the rest is retried. */
const system: Readonly<Record<string, string>> = {
  EACCES: 'let the user of this process read and write there',
  EPERM: 'let the user of this process read and write there',
  EROFS: 'it is mounted read-only',
  ENOTDIR: 'something on the way is a file, not a folder',
  ELOOP: 'its links go in circles',
  ENAMETOOLONG: 'choose a shorter path',
};

const room = 'make room there';

/** What a file system says that cannot flush a folder. */
const unflushed = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF'];

/** The instruction that an error of a file system amounts to. */
export function instructedFolder(error: unknown, doing: string): unknown {
  if (instructionOf(error) !== undefined || error instanceof Gone) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const advice = system[code];
  if (advice !== undefined)
    return new ConfigError(`${doing}: ${syscall} ${code}; ${advice}`, { cause: error });
  if (syscall === 'fsync' && unflushed.includes(code)) {
    const why =
      'its file system cannot flush a folder, so a power cut could take rows away: choose another one';
    return new ConfigError(`${doing}: ${syscall} ${code}; ${why}`, { cause: error });
  }
  const hint = code === 'ENOSPC' || code === 'EDQUOT' ? `; ${room}` : '';
  return new RetryableError(`${doing}: ${syscall} ${code}${hint}`, { cause: error });
}
