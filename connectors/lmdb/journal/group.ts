import type { SpoolRecord } from '../../../core/index.js';
import { entryLength, writeEntry } from '../record.js';
import { frameLength, sealFrame } from './segment.js';

/** Records that become durable together: one frame of the journal, while it is filled. */
export class Group {
  #bytes: Buffer;
  #length = frameLength;
  #count = 0;
  #landed: () => void = () => undefined;
  #failed: (error: unknown) => void = () => undefined;
  /** One promise for all its records. */
  readonly done = new Promise<void>((landed, failed) => {
    this.#landed = landed;
    this.#failed = failed;
  });

  /** @param bytes memory to begin with; it may become another one */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    // Who appended holds it; a group whose only record was refused is nobody's.
    this.done.catch(() => undefined);
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Records. */
  get count(): number {
    return this.#count;
  }

  /** @throws Error when the record cannot be stored; the group is then as it was */
  add(lanes: Buffer, record: SpoolRecord): void {
    const entry = entryLength(record);
    const end = this.#length + 2 + lanes.length + 4 + entry;
    if (end > this.#bytes.length) this.#grow(end);
    const bytes = this.#bytes;
    let at = bytes.writeUInt16LE(lanes.length, this.#length);
    bytes.set(lanes, at);
    at = bytes.writeUInt32LE(entry, at + lanes.length);
    writeEntry(bytes, at, record, false, 0);
    this.#length = end;
    this.#count++;
  }

  /** The frame as it goes to the disk. */
  seal(writer: number, number: number): Buffer {
    const frame = this.#bytes.subarray(0, this.#length);
    sealFrame(frame, writer, number);
    return frame;
  }

  landed(): void {
    this.#landed();
  }

  failed(error: unknown): void {
    this.#failed(error);
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
