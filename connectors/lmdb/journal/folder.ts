import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { failpoint } from '../../../core/host/failpoint.js';
import { isAlive, isForeign, thisProcess } from '../process-identity.js';

const prefix = 'journal-';

const segmentName = /^([0-9]{10})-([0-9]{10})\.(journal|closed)$/;
const spareName = /^[0-9]{10}-[0-9]{10}\.spare$/;
const partName = /^([0-9]+)-([0-9@]*)-[0-9]+\.part$/;

/**
 * The flag by which a write returns when it is on the disk. 0 where it does not reach so far: macOS keeps the
 * bytes in the disk's own memory, which only a flush empties.
 */
export const durably = process.platform === 'linux' ? constants.O_DSYNC : 0;

/** How many files are kept to be written over. */
const spares = 2;

export interface SegmentFile {
  readonly segment: number;
  readonly path: string;
  /** Whoever wrote it is gone, or will see that it may not go on in it. */
  readonly closed: boolean;
}

/** Segments of each writer, in the order in which they were begun. */
export type Segments = ReadonlyMap<number, readonly SegmentFile[]>;

/** Where the segments of one spool lie. A spool made anew has another folder, and never takes these for its own. */
export class JournalFolder {
  readonly path: string;
  readonly #segmentLength: number;
  readonly #handle: number;

  /** @param segmentLength bytes at which a new file is begun */
  constructor(spoolPath: string, spoolId: string, segmentLength: number) {
    this.path = join(spoolPath, `${prefix}${spoolId}`);
    this.#segmentLength = segmentLength;
    if (mkdirSync(this.path, { recursive: true, mode: 0o700 }) !== undefined) syncFolder(spoolPath);
    // Held open: without a free descriptor a segment could not be begun, nor one that failed be removed.
    this.#handle = openSync(this.path, 'r');
  }

  get segmentLength(): number {
    return this.#segmentLength;
  }

  /** Folders of former spools at the same path that still hold segments. */
  strangers(): string[] {
    const spoolPath = dirname(this.path);
    return readdirSync(spoolPath, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name.startsWith(prefix))
      .map(({ name }) => join(spoolPath, name))
      .filter((folder) => folder !== this.path && readdirSync(folder).some((file) => segmentName.test(file)));
  }

  list(): Segments {
    const segments = new Map<number, SegmentFile[]>();
    for (const file of readdirSync(this.path).sort()) {
      const [, writer, segment, state] = segmentName.exec(file) ?? [];
      if (writer === undefined || segment === undefined) continue;
      const entry = { segment: Number(segment), path: join(this.path, file), closed: state === 'closed' };
      const of = segments.get(Number(writer));
      if (of === undefined) segments.set(Number(writer), [entry]);
      else of.push(entry);
    }
    return segments;
  }

  /**
   * A file whose writes are durable when they return, in place as soon as its header is: over an old one if
   * there is a spare, as new blocks cost the file system a flush of its own.
   * @throws Error with the code EEXIST when there is such a segment, as after a restored backup
   */
  create(writer: number, segment: number, header: Buffer): OpenSegment {
    const { pid, started } = thisProcess();
    const part = join(this.path, `${pid}-${started}-${writer}.part`);
    const path = this.#path(writer, segment, 'journal');
    let file: number | undefined;
    let linked = false;
    try {
      this.#takeSpare(part);
      file = openSync(part, constants.O_CREAT | constants.O_WRONLY | durably, 0o600);
      const written = writeSync(file, header, 0, header.length, 0);
      if (written < header.length) throw new Error('its header was cut short');
      if (durably === 0) fdatasyncSync(file);
      failpoint?.('segment.written');
      linkSync(part, path);
      linked = true;
      failpoint?.('segment.linked');
      rmSync(part);
      this.sync();
      return { path, file };
    } catch (error) {
      if (file !== undefined) closeSync(file);
      rmSync(part, { force: true });
      if (linked) rmSync(path, { force: true });
      throw error;
    }
  }

  /** From now on its writer, should it live, sees that its segment is gone, and goes on in another. */
  close(writer: number, { segment, path }: Pick<SegmentFile, 'segment' | 'path'>): void {
    moveIfThere(path, this.#path(writer, segment, 'closed'));
  }

  /**
   * Gives up a segment that nobody will read again; some are kept to be written over. One that was closed is
   * not: a write of its former owner that comes late must not land in another's file.
   */
  retire(writer: number, { segment, path, closed }: SegmentFile): void {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    const spare = !closed && size <= 2 * this.#segmentLength && this.#files(spareName).length < spares;
    if (spare) moveIfThere(path, this.#path(writer, segment, 'spare'));
    else rmSync(path, { force: true });
  }

  /** Whether a segment is there to be read, whatever a list says that was made while it was renamed. */
  holds(writer: number, segment: number): boolean {
    return (['journal', 'closed'] as const).some((state) => existsSync(this.#path(writer, segment, state)));
  }

  /** Where a segment lies while it is written to. */
  pathOf(writer: number, segment: number): string {
    return this.#path(writer, segment, 'journal');
  }

  /** Keeps a damaged segment under a name that is no segment's. */
  setAside(writer: number, { segment, path }: SegmentFile): void {
    moveIfThere(path, this.#path(writer, segment, 'damaged'));
  }

  /** Removes what processes that are gone had begun. */
  tidy(): void {
    for (const part of this.#files(partName)) {
      const [, pid, started = ''] = partName.exec(part) ?? [];
      const process = { pid: Number(pid), started };
      if (!isForeign(process) && !isAlive(process)) rmSync(join(this.path, part), { force: true });
    }
  }

  /** Makes what was created and removed durable. */
  sync(): void {
    fsyncSync(this.#handle);
  }

  release(): void {
    closeSync(this.#handle);
  }

  #takeSpare(path: string): void {
    for (const spare of this.#files(spareName)) {
      if (moveIfThere(join(this.path, spare), path)) return;
    }
  }

  #files(pattern: RegExp): string[] {
    return readdirSync(this.path).filter((file) => pattern.test(file));
  }

  #path(writer: number, segment: number, state: 'journal' | 'closed' | 'spare' | 'damaged'): string {
    return join(this.path, `${digits(writer)}-${digits(segment)}.${state}`);
  }
}

/** A segment that is written to. */
export interface OpenSegment {
  readonly path: string;
  readonly file: number;
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
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
