import { close, existsSync, fdatasync, rmSync, write } from 'node:fs';
import { failpoint } from '../../../core/host/failpoint.js';
import { thisProcess } from '../process-identity.js';
import { durably, type JournalFolder, type OpenSegment } from './folder.js';
import { encodeHeader, headerLength } from './segment.js';

/** How long a healthy disk never takes for one write, in milliseconds. */
const patience = 30_000;

/** Milliseconds. */
const idleAfter = 1000;

/** A segment that this process appends to. */
export class JournalFile {
  readonly writer: number;
  readonly #segment: number;
  readonly #folder: JournalFolder;
  readonly #open: OpenSegment;
  #nextFrame: number;
  #end = headerLength;
  #writtenAt = performance.now();
  #writing = false;
  #closing = false;

  /** Makes the file; durable when it returns. */
  constructor(folder: JournalFolder, writer: number, segment = 1, nextFrame = 1) {
    this.writer = writer;
    this.#segment = segment;
    this.#folder = folder;
    this.#nextFrame = nextFrame;
    const header = encodeHeader({ writer, segment, frame: nextFrame, process: thisProcess() });
    this.#open = folder.create(writer, segment, header);
  }

  get isFull(): boolean {
    return this.#end >= this.#folder.segmentLength;
  }

  /** False once a reader has closed it, as it took this process for gone. No other file ever gets its name. */
  get isInPlace(): boolean {
    return existsSync(this.#open.path);
  }

  /** Nothing was written for so long that a reader might have. */
  get isIdle(): boolean {
    return performance.now() - this.#writtenAt > idleAfter;
  }

  /** The number of the next frame. */
  get nextFrame(): number {
    return this.#nextFrame;
  }

  /** The file that goes on where this one ends. */
  next(): JournalFile {
    const next = new JournalFile(this.#folder, this.writer, this.#segment + 1, this.#nextFrame);
    this.close();
    return next;
  }

  /**
   * Resolves when the frame is durable and will be read; when it rejects nobody knows whether it is, and the
   * file is done with. A reader that closes the file does so before it reads it to the end: so what was written
   * while the file was still in its place will be read.
   */
  append(frame: Buffer): Promise<void> {
    this.#writing = true;
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`the disk has not answered for ${patience / 1000} seconds`));
      const impatient = setTimeout(late, patience);
      const settle = (error: Error | null) => {
        clearTimeout(impatient);
        this.#writing = false;
        if (this.#closing) this.close();
        const fault = error ?? this.#taken();
        if (fault !== undefined) {
          reject(fault);
          return;
        }
        this.#end += frame.length;
        this.#nextFrame++;
        this.#writtenAt = performance.now();
        failpoint?.('frame.durable');
        resolve();
      };
      failpoint?.('frame.writing');
      write(this.#open.file, frame, 0, frame.length, this.#end, (error, written) => {
        if (error !== null) settle(error);
        else if (written < frame.length) settle(new Error('the disk took only a part of what was written'));
        else if (durably === 0) fdatasync(this.#open.file, settle);
        else settle(null);
      });
    });
  }

  #taken(): Error | undefined {
    if (this.isInPlace) return undefined;
    return new Error('its journal was closed by a reader that took this process for gone');
  }

  /** Closes it for good: readers then finish it, and remove it. A first one without a durable frame goes at once. */
  abandon(): void {
    this.close();
    try {
      if (this.#segment === 1 && this.#end === headerLength) rmSync(this.#open.path, { force: true });
      else this.#folder.close(this.writer, { segment: this.#segment, path: this.#open.path });
    } catch {
      // The disk does not let it: it stays until this process ends, and is read like any other.
    }
  }

  /** A write that is under way keeps its descriptor, which could be another file's next. */
  close(): void {
    this.#closing = true;
    if (!this.#writing) close(this.#open.file, () => undefined);
  }
}
