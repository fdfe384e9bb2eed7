const slabSize = 1024 * 1024;

/**
 * Copies values out of LMDB's memory, many into one allocation: a buffer for each of 10,000 small values
 * costs more than the values. LMDB reuses its memory after the next get, so nothing may keep a view of it.
 */
export class Slab {
  #slab = Buffer.alloc(0);
  #used = 0;

  /** lmdb-js sets `length` on a larger buffer, so nothing may go by the buffer's own size. */
  copy(bytes: Buffer): Buffer {
    const size = bytes.length;
    const source = new Uint8Array(bytes.buffer, bytes.byteOffset, size);
    if (size > slabSize / 4) {
      const own = Buffer.allocUnsafeSlow(size);
      own.set(source);
      return own;
    }
    if (this.#used + size > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(slabSize);
      this.#used = 0;
    }
    this.#slab.set(source, this.#used);
    this.#used += size;
    return this.#slab.subarray(this.#used - size, this.#used);
  }
}
