/** A file of the lake; keys have slashes, from the lake's root: `leads/dt=2026-11-24/hour=13/0198….parquet`. */
export interface StoredFile {
  readonly key: string;
  readonly bytes: number;
}

/**
 * Where a lake lies. What it needs of a store is little: to make a file at once and only when there is none
 * of that key, to list, to read and to remove. Whatever fails comes out as an instruction.
 */
export interface Store {
  /** For messages: `/var/lake`, `s3://bucket/prefix`. */
  readonly root: string;

  open(signal: AbortSignal): Promise<void>;

  /** Prove that files could be listed and made now. Changes nothing. */
  check(signal: AbortSignal): Promise<void>;

  /** Prove that a table of that name could be used. @throws ConfigError */
  checkFolder(table: string, signal: AbortSignal): Promise<void>;

  makeFolder(table: string, signal: AbortSignal): Promise<void>;

  /** The names of the folders that lie directly in this one; none when it is not there. */
  folders(folder: string, signal: AbortSignal): Promise<string[]>;

  /** The files directly in a folder, by name; none when it is not there. */
  files(folder: string, signal: AbortSignal): Promise<StoredFile[]>;

  /** The files in a folder, however deep; none when it is not there. */
  all(folder: string, signal: AbortSignal): AsyncIterable<StoredFile>;

  has(key: string, signal: AbortSignal): Promise<boolean>;

  /** A small file's contents; `undefined` when it is not there. */
  read(key: string, signal: AbortSignal): Promise<Buffer | undefined>;

  /** Runs a task on a file of this machine of the same contents. @throws Gone when it is not there */
  local<T>(file: StoredFile, signal: AbortSignal, task: (path: string) => Promise<T>): Promise<T>;

  /** As `local`, but only the end of the file may be there: enough for its footer. */
  footer<T>(file: StoredFile, signal: AbortSignal, task: (path: string) => Promise<T>): Promise<T>;

  /** Runs a task that may write to a new file of this machine, which is removed afterwards. */
  draft<T>(task: (path: string) => Promise<T>): Promise<T>;

  /**
   * Makes a file of a draft, at once and durably; false when it was there before, which it then still is.
   * A store that knows no conditions puts the same contents there again.
   */
  create(key: string, draft: string, signal: AbortSignal): Promise<boolean>;

  /** Whether `create` is to be trusted when it says that the file was not there before. */
  isExclusive(signal: AbortSignal): Promise<boolean>;

  /** Those that are not there are passed over. */
  remove(keys: readonly string[], signal: AbortSignal): Promise<void>;

  close(): Promise<void>;
}

/** A file that had been listed is not there any more: somebody else has merged it. */
export class Gone extends Error {
  constructor(key: string) {
    super(`${key} is not there any more`);
  }
}
