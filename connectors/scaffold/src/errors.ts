import { ConfigError, RetryableError } from 'hookline/plugin';

/** The set-up is at fault: somebody has to make a folder, or to give a right. */
const faults = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS']);
/** It may pass later: the disk is full or fails, or too many files are open. */
const passing = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EBUSY', 'EMFILE', 'ENFILE']);

/**
 * Runs a call, and turns what it throws into an instruction to the engine: by its code, never by its
 * text. What is unknown stays as it is: the engine logs it with its stack, and tries again.
 */
export async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const code = codeOf(error);
    const { path = 'an open file' } = error as NodeJS.ErrnoException;
    const message = `${path}: ${code}`;
    if (faults.has(code)) {
      throw new ConfigError(`${message}; make it, or give the server the right to write`, { cause: error });
    }
    if (passing.has(code)) throw new RetryableError(message, { cause: error });
    throw error;
  }
}

/** What the system calls the error: `ENOENT`. */
export function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}
