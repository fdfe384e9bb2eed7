/** Bytes that are kept for the next one. */
const most = 16 * 1024 ** 2;

/** Memory for one batch after the other: new pages for each would take as long as copying it. */
export class Scratch {
  #bytes: Buffer | undefined = Buffer.alloc(0);

  /** So many bytes, to be given back. */
  take(size: number): Buffer {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    return bytes !== undefined && bytes.length >= size ? bytes : Buffer.allocUnsafeSlow(size + (size >> 2));
  }

  giveBack(bytes: Buffer): void {
    if (bytes.length <= most && bytes.length >= (this.#bytes?.length ?? 0)) this.#bytes = bytes;
  }
}
