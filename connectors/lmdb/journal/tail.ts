import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isAlive } from '../process-identity.js';
import type { JournalFolder } from './folder.js';
import {
  decodeHeader,
  frameLength,
  headerLength,
  isWhole,
  lengthOfFrame,
  nextMagic,
  numberIn,
  type SegmentHeader,
} from './segment.js';

/** How far a writer's journal was read: everything before this place. */
export interface Place {
  readonly segment: number;
  /** Bytes from the start of the segment. */
  readonly offset: number;
  /** The number of the next frame. */
  readonly frame: number;
}

/** What lay after a place. */
export interface Tail {
  readonly writer: number;
  readonly frames: readonly Buffer[];
  /** Bytes of the frames. */
  readonly bytes: number;
  readonly place: Place;
  /** Nothing will ever follow. */
  readonly ended: boolean;
  readonly damages: readonly Damage[];
}

/** Something that was there once and cannot be read. */
export interface Damage {
  readonly segment: number;
  readonly what: string;
}

/** How much is read of a file at once: what lies behind the newest frame may be old. */
const block = 256 * 1024;

/**
 * Reads the whole frames that lie after a place in one writer's journal.
 * @param segments those of the writer, listed before the call: one that has a later one has all that it
 *   will ever have
 * @param limit bytes, about; the first frame comes however large it is
 */
export function readTail(
  folder: JournalFolder,
  writer: number,
  segments: readonly number[],
  from: Place | undefined,
  limit: number,
): Tail {
  const start = from ?? { segment: segments[0] ?? 1, offset: headerLength, frame: 1 };
  const tail = new TailReader(folder, writer, segments, start, limit);
  while (tail.readSegment());
  return tail;
}

class TailReader implements Tail {
  readonly writer: number;
  readonly frames: Buffer[] = [];
  readonly damages: Damage[] = [];
  bytes = 0;
  place: Place;
  ended = false;
  readonly #folder: JournalFolder;
  readonly #segments: readonly number[];
  readonly #limit: number;

  constructor(
    folder: JournalFolder,
    writer: number,
    segments: readonly number[],
    place: Place,
    limit: number,
  ) {
    this.#folder = folder;
    this.writer = writer;
    this.#segments = segments;
    this.place = place;
    this.#limit = limit;
  }

  /** Whether to go on with the next segment. */
  readSegment(): boolean {
    const { segment } = this.place;
    const next = this.#segments.find((other) => other > segment);
    const file = this.#open(segment);
    if (file === undefined) {
      if (next !== undefined) this.#damaged('the file is missing');
      return this.#enter(next);
    }
    try {
      const header = readHeader(file);
      if (header?.writer !== this.writer || header.segment !== segment) {
        this.#damaged('its header cannot be read');
      } else if (header.frame > this.place.frame) {
        this.#damaged(`${header.frame - this.place.frame} groups before its first one are missing`);
        this.place = { ...this.place, frame: header.frame };
      }
      // Asked before the frames are read: what a process wrote is there once it is gone.
      const ended = next === undefined && !(header !== undefined && isAlive(header.process));
      do {
        if (this.#readFrames(file) === 'more') return false;
      } while ((ended || this.#lacks(next)) && this.#skipDamage(file));
      this.ended = ended;
      return this.#enter(next);
    } finally {
      closeSync(file);
    }
  }

  #enter(segment: number | undefined): boolean {
    if (segment === undefined) return false;
    this.place = { ...this.place, segment, offset: headerLength };
    return true;
  }

  /** Whether frames are missing between here and the next segment. */
  #lacks(next: number | undefined): boolean {
    if (next === undefined) return false;
    const file = this.#open(next);
    if (file === undefined) return true;
    try {
      return readHeader(file)?.frame !== this.place.frame;
    } finally {
      closeSync(file);
    }
  }

  #readFrames(file: number): 'more' | 'end' {
    for (;;) {
      const length = this.#peek(file);
      if (length === undefined) return 'end';
      if (this.bytes >= this.#limit) return 'more';
      if (!this.#take(readAt(file, this.place.offset, Math.max(length, block)))) return 'end';
    }
  }

  /** How long the frame is that seems to lie here. */
  #peek(file: number): number | undefined {
    const start = readAt(file, this.place.offset, frameLength);
    const length = lengthOfFrame(start, 0);
    const fits = length !== undefined && this.place.offset + length <= fstatSync(file).size;
    return fits && numberIn(start, 0) >= this.place.frame ? length : undefined;
  }

  /** Takes the frames that the bytes begin with, if they do. */
  #take(bytes: Buffer): boolean {
    let at = 0;
    for (;;) {
      const length = lengthOfFrame(bytes, at);
      if (length === undefined || at + length > bytes.length) break;
      const frame = bytes.subarray(at, at + length);
      const number = numberIn(frame, 0);
      if (number < this.place.frame || !isWhole(frame, this.writer)) break;
      if (number > this.place.frame) {
        this.#damaged(`${number - this.place.frame} groups before byte ${this.place.offset} are missing`);
      }
      this.frames.push(frame);
      at += length;
      this.bytes += length;
      this.place = { ...this.place, offset: this.place.offset + length, frame: number + 1 };
    }
    return at > 0;
  }

  /** Goes on to the next whole frame, if there is one, in a file that has all that it will ever have. */
  #skipDamage(file: number): boolean {
    const bytes = readAt(file, this.place.offset, fstatSync(file).size - this.place.offset);
    for (let at = nextMagic(bytes, 1); at >= 0; at = nextMagic(bytes, at + 1)) {
      const length = lengthOfFrame(bytes, at);
      if (length === undefined || at + length > bytes.length) continue;
      const frame = bytes.subarray(at, at + length);
      if (numberIn(frame, 0) < this.place.frame || !isWhole(frame, this.writer)) continue;
      this.place = { ...this.place, offset: this.place.offset + at };
      return true;
    }
    return false;
  }

  #damaged(what: string): void {
    this.damages.push({ segment: this.place.segment, what });
  }

  #open(segment: number): number | undefined {
    try {
      return openSync(this.#folder.pathOf(this.writer, segment), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function readHeader(file: number): SegmentHeader | undefined {
  return decodeHeader(readAt(file, 0, headerLength));
}

/** Fewer bytes where the file ends. */
function readAt(file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, length));
  return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, offset));
}
