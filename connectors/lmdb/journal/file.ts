import { close, fdatasync, write } from 'node:fs';
import { thisProcess } from '../process-identity.js';
import { durably, type JournalFolder } from './folder.js';
import { encodeHeader, headerLength } from './segment.js';

/** How long a healthy disk never takes for one write, in milliseconds. */
const patience = 30_000;

/** A segment that this process appends to. */
export class JournalFile {
  readonly writer: number;
  readonly #segment: number;
  readonly #folder: JournalFolder;
  readonly #file: number;
  #nextFrame: number;
  #end = headerLength;

  /** Makes the file; durable when it returns. */
  constructor(folder: JournalFolder, writer: number, segment = 1, nextFrame = 1) {
    this.writer = writer;
    this.#segment = segment;
    this.#folder = folder;
    this.#nextFrame = nextFrame;
    this.#file = folder.create(
      writer,
      segment,
      encodeHeader({ writer, segment, frame: nextFrame, process: thisProcess() }),
    );
  }

  get length(): number {
    return this.#end;
  }

  /** The file that goes on where this one ends. */
  next(): JournalFile {
    const next = new JournalFile(this.#folder, this.writer, this.#segment + 1, this.#nextFrame);
    this.close();
    return next;
  }

  /** The number of the next frame. */
  get nextFrame(): number {
    return this.#nextFrame;
  }

  /** Resolves when the frame is durable; when it rejects nobody knows whether it is, and the file is done with. */
  append(frame: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const impatient = setTimeout(
        () => reject(new Error(`the disk has not answered for ${patience / 1000} seconds`)),
        patience,
      );
      const settle = (error: Error | null) => {
        clearTimeout(impatient);
        if (error !== null) {
          reject(error);
          return;
        }
        this.#end += frame.length;
        this.#nextFrame++;
        resolve();
      };
      write(this.#file, frame, 0, frame.length, this.#end, (error, written) => {
        if (error !== null) settle(error);
        else if (written < frame.length) settle(new Error('the disk took only a part of what was written'));
        else if (durably === 0) fdatasync(this.#file, settle);
        else settle(null);
      });
    });
  }

  /** Closes it; without a durable frame it goes. */
  abandon(): void {
    this.close();
    if (this.#end === headerLength) this.#folder.remove(this.writer, this.#segment);
  }

  close(): void {
    close(this.#file, () => undefined);
  }
}
