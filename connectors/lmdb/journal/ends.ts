import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { SegmentFile } from './folder.js';
import { frameLength, headerLength, lengthOfFrame, numberIn } from './segment.js';
import type { Place } from './tail.js';

/**
 * How far the writers are, without reading what they wrote. A segment that lies over an older one is as long as
 * that one was: so its end is where the frames stop counting up. Each look goes on from the last one.
 */
export class Ends {
  readonly #ends = new Map<number, Place>();
  readonly #bytes = Buffer.alloc(frameLength);

  /** Bytes of a writer's journal that lie after a place, about. */
  bytesAfter(writer: number, segments: readonly SegmentFile[], place: Place | undefined): number {
    const last = segments.at(-1);
    if (last === undefined) return 0;
    let bytes = 0;
    for (const { segment, path } of segments) {
      const from = segment === place?.segment ? place.offset : headerLength;
      if (segment < (place?.segment ?? 0)) continue;
      const end = segment === last.segment ? this.#endOf(writer, last, place) : sizeOf(path);
      bytes += Math.max(0, end - from);
    }
    return bytes;
  }

  #endOf(writer: number, { segment, path }: SegmentFile, place: Place | undefined): number {
    const known = this.#ends.get(writer);
    const start = [known, place].filter((each) => each?.segment === segment);
    const furthest = start.reduce((a, b) => ((b?.offset ?? 0) > (a?.offset ?? 0) ? b : a), undefined);
    let { offset, frame } = furthest ?? { offset: headerLength, frame: 0 };
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch {
      return offset;
    }
    try {
      while (readSync(file, this.#bytes, 0, frameLength, offset) === frameLength) {
        const length = lengthOfFrame(this.#bytes, 0);
        const number = numberIn(this.#bytes, 0);
        if (length === undefined || (frame > 0 && number !== frame)) break;
        offset += length;
        frame = number + 1;
      }
    } finally {
      closeSync(file);
    }
    this.#ends.set(writer, { segment, offset, frame });
    return offset;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
