const slabSize = 1024 * 1024;

/**
 * Copies values out of LMDB's memory, many into one allocation: a buffer for each of 10,000 small values
 * costs more than the values. LMDB reuses its memory after the next get, so nothing may keep a view of it.
 */
export class Slab {
  #free = Buffer.alloc(0);

  /** lmdb-js sets `length` on a larger buffer, so nothing may go by the buffer's own size. */
  copy(bytes: Buffer): Buffer {
    const size = bytes.length;
    if (size > slabSize / 4) {
      const own = Buffer.allocUnsafeSlow(size);
      own.set(bytes.subarray(0, size));
      return own;
    }
    if (size > this.#free.length) this.#free = Buffer.allocUnsafeSlow(slabSize);
    const copy = this.#free.subarray(0, size);
    copy.set(bytes.subarray(0, size));
    this.#free = this.#free.subarray(size);
    return copy;
  }
}
