import {
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isAlive, thisProcess } from '../process-identity.js';

const prefix = 'journal-';

const segmentName = /^([0-9]{10})-([0-9]{10})\.journal$/;
const spareName = /^[0-9]{10}-[0-9]{10}\.spare$/;
const partName = /^([0-9]+)-([0-9]*)-[0-9]+\.part$/;

/**
 * The flag by which a write returns when it is on the disk. 0 where it does not reach so far: macOS keeps the
 * bytes in the disk's own memory, which only a flush empties.
 */
export const durably = process.platform === 'linux' ? constants.O_DSYNC : 0;

/** How many files are kept to be written over. */
const spares = 2;

/** Segments of each writer, in the order in which they were begun. */
export type Segments = ReadonlyMap<number, readonly number[]>;

/** Where the segments of one spool lie. A spool made anew has another folder, and never takes these for its own. */
export class JournalFolder {
  readonly path: string;

  constructor(spoolPath: string, spoolId: string) {
    this.path = join(spoolPath, `${prefix}${spoolId}`);
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
  }

  /** Folders of former spools at the same path that still hold segments. */
  strangers(): string[] {
    const spoolPath = dirname(this.path);
    return readdirSync(spoolPath)
      .filter((entry) => entry.startsWith(prefix) && entry !== basename(this.path))
      .map((entry) => join(spoolPath, entry))
      .filter((folder) => readdirSync(folder).some((file) => segmentName.test(file)));
  }

  pathOf(writer: number, segment: number): string {
    return join(this.path, `${digits(writer)}-${digits(segment)}.journal`);
  }

  list(): Segments {
    const segments = new Map<number, number[]>();
    for (const file of readdirSync(this.path).sort()) {
      const [, writer, segment] = segmentName.exec(file) ?? [];
      if (writer === undefined || segment === undefined) continue;
      const of = segments.get(Number(writer));
      if (of === undefined) segments.set(Number(writer), [Number(segment)]);
      else of.push(Number(segment));
    }
    return segments;
  }

  /** Bytes of a segment so far; 0 when it is gone. */
  sizeOf(writer: number, segment: number): number {
    return statSync(this.pathOf(writer, segment), { throwIfNoEntry: false })?.size ?? 0;
  }

  /**
   * A file whose writes are durable when they return, in place as soon as its header is: over an old one if
   * there is a spare, as new blocks cost the file system a flush of its own.
   */
  create(writer: number, segment: number, header: Buffer): number {
    const { pid, started } = thisProcess();
    const part = join(this.path, `${pid}-${started}-${writer}.part`);
    this.#takeSpare(part);
    const file = openSync(part, constants.O_CREAT | constants.O_WRONLY | durably, 0o600);
    try {
      if (writeSync(file, header, 0, header.length, 0) < header.length)
        throw new Error('its header was cut short');
      if (durably === 0) fdatasyncSync(file);
      renameSync(part, this.pathOf(writer, segment));
      this.sync();
      return file;
    } catch (error) {
      closeSync(file);
      rmSync(part, { force: true });
      throw error;
    }
  }

  remove(writer: number, segment: number): void {
    rmSync(this.pathOf(writer, segment), { force: true });
  }

  /** Gives up a segment that nobody will read again; some are kept to be written over. */
  retire(writer: number, segment: number): void {
    const path = this.pathOf(writer, segment);
    if (this.#files(spareName).length >= spares) rmSync(path, { force: true });
    else moveIfThere(path, join(this.path, `${digits(writer)}-${digits(segment)}.spare`));
  }

  /** Keeps a damaged segment under a name that is no segment's. */
  setAside(writer: number, segment: number): void {
    const path = this.pathOf(writer, segment);
    moveIfThere(path, `${path}.damaged`);
  }

  /** Removes what processes that are gone had begun. */
  tidy(): void {
    for (const part of this.#files(partName)) {
      const [, pid, started = ''] = partName.exec(part) ?? [];
      if (!isAlive({ pid: Number(pid), started })) rmSync(join(this.path, part), { force: true });
    }
  }

  #takeSpare(path: string): void {
    for (const spare of this.#files(spareName)) {
      if (moveIfThere(join(this.path, spare), path)) return;
    }
  }

  #files(pattern: RegExp): string[] {
    return readdirSync(this.path).filter((file) => pattern.test(file));
  }

  /** Makes what was created and removed durable. */
  sync(): void {
    const folder = openSync(this.path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

/** Whether it was there. Another process may have been quicker. */
function moveIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function digits(number: number): string {
  return String(number).padStart(10, '0');
}
