import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isAlive, isForeign } from '../process-identity.js';
import type { SegmentFile } from './folder.js';
import {
  decodeHeader,
  frameLength,
  headerLength,
  isWhole,
  isWholeAs,
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
  /** Its process seems to be gone: close its last segment, and read it again. */
  readonly forsaken: boolean;
  readonly damages: readonly Damage[];
  /** The last segment, where it ends with a group that is not whole: cut off as its writer ended, or damaged. */
  readonly broken: string | undefined;
}

/** Something that was there once and cannot be read. */
export interface Damage {
  readonly segment: number;
  readonly path: string;
  readonly what: string;
}

/** How much is read of a file at once: what lies behind the newest frame may be old. */
const block = 256 * 1024;

/** A process that nobody sees from here has left its segment when it has not written for so long (ms). */
const foreignPatience = 60_000;

/**
 * Reads the whole frames that lie after a place in one writer's journal.
 * @param segments those of the writer, listed before the call: one that has a later one has all that it
 *   will ever have
 * @param limit bytes, about; the first frame comes however large it is
 */
export function readTail(
  writer: number,
  segments: readonly SegmentFile[],
  from: Place | undefined,
  limit: number,
): Tail {
  const start = from ?? { segment: segments[0]?.segment ?? 1, offset: headerLength, frame: 1 };
  const tail = new TailReader(writer, segments, start, limit);
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
  forsaken = false;
  broken: string | undefined;
  readonly #segments: readonly SegmentFile[];
  readonly #limit: number;

  constructor(writer: number, segments: readonly SegmentFile[], place: Place, limit: number) {
    this.writer = writer;
    this.#segments = segments;
    this.place = place;
    this.#limit = limit;
  }

  /** Whether to go on with the next segment. */
  readSegment(): boolean {
    const { segment } = this.place;
    const next = this.#segments.find((other) => other.segment > segment);
    const own = this.#segments.find((other) => other.segment === segment);
    if (own === undefined) return this.#enter(next);
    const file = open(own);
    // It may only have got another name: the next list tells.
    if (file === undefined) return false;
    try {
      const header = readHeader(file);
      if (header?.writer !== this.writer || header.segment !== segment) {
        this.#damaged(own, 'its header cannot be read');
      } else if (header.frame > this.place.frame) {
        this.#damaged(own, `${header.frame - this.place.frame} groups before its first one are missing`);
        this.place = { ...this.place, frame: header.frame };
      }
      do {
        if (this.#readFrames(own, file) === 'more') return false;
      } while ((own.closed || this.#lacks(next)) && this.#skipDamage(file));
      this.#missLast(own, next);
      this.ended = next === undefined && own.closed;
      if (this.ended && this.#isBroken(file)) this.broken = own.path;
      this.forsaken = next === undefined && !own.closed && isForsaken(file, header);
      return this.#enter(next);
    } finally {
      closeSync(file);
    }
  }

  #enter(next: SegmentFile | undefined): boolean {
    if (next === undefined) return false;
    this.place = { ...this.place, segment: next.segment, offset: headerLength };
    return true;
  }

  /** Whether frames are missing between here and the next segment. */
  #lacks(next: SegmentFile | undefined): boolean {
    return next !== undefined && firstFrameOf(next) !== this.place.frame;
  }

  /** What the next segment goes on behind was in this one, which is kept as it is. */
  #missLast(own: SegmentFile, next: SegmentFile | undefined): void {
    const frame = (next && firstFrameOf(next)) ?? 0;
    if (frame <= this.place.frame) return;
    this.#damaged(own, `its last ${frame - this.place.frame} groups are missing`);
    this.place = { ...this.place, frame };
  }

  #readFrames(own: SegmentFile, file: number): 'more' | 'end' {
    for (;;) {
      const length = this.#peek(file);
      if (length === undefined) return 'end';
      if (this.bytes >= this.#limit) return 'more';
      if (!this.#take(own, readAt(file, this.place.offset, Math.max(length, block)))) return 'end';
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
  #take(own: SegmentFile, bytes: Buffer): boolean {
    let at = 0;
    for (;;) {
      const length = lengthOfFrame(bytes, at);
      if (length === undefined || at + length > bytes.length) break;
      const frame = bytes.subarray(at, at + length);
      const number = numberIn(frame, 0);
      if (number < this.place.frame || !isWhole(frame, this.writer)) break;
      if (number > this.place.frame) {
        this.#damaged(
          own,
          `${number - this.place.frame} groups before byte ${this.place.offset} are missing`,
        );
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

  /**
   * Whether there are remains of one more frame, and not of an older segment over which this one may lie. One of
   * which the first bytes are gone for good does not show.
   */
  #isBroken(file: number): boolean {
    const { offset, frame } = this.place;
    const start = readAt(file, offset, frameLength);
    if (start.length < frameLength) return false;
    const length = lengthOfFrame(start, 0);
    if (length === undefined || offset + length > fstatSync(file).size) return numberIn(start, 0) === frame;
    const bytes = readAt(file, offset, length);
    if (numberIn(bytes, 0) !== frame) return isWholeAs(bytes, this.writer, frame);
    // One of another writer, which began to count in this file when it was its own.
    for (let other = 1; other < this.writer; other++) if (isWhole(bytes, other)) return false;
    return true;
  }

  #damaged({ segment, path }: SegmentFile, what: string): void {
    this.damages.push({ segment, path, what });
  }
}

/** `undefined` when another reader was quicker. */
function open({ path }: SegmentFile): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The number of its first frame; `undefined` when it cannot be told. */
function firstFrameOf(segment: SegmentFile): number | undefined {
  const file = open(segment);
  if (file === undefined) return undefined;
  try {
    return readHeader(file)?.frame;
  } finally {
    closeSync(file);
  }
}

/** May be wrong without harm: whoever lives after all sees that its segment was closed. */
function isForsaken(file: number, header: SegmentHeader | undefined): boolean {
  if (header !== undefined && !isForeign(header.process)) return !isAlive(header.process);
  return Date.now() - fstatSync(file).mtimeMs > foreignPatience;
}

function readHeader(file: number): SegmentHeader | undefined {
  return decodeHeader(readAt(file, 0, headerLength));
}

/** Fewer bytes where the file ends. */
function readAt(file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Math.max(0, length));
  return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, offset));
}
