/** Chunks that are joined together: an object for each of a million small ones would outweigh their bytes. */
const joined = 256;

/** A body as it comes. A sender may cut it into chunks of one byte, and memory must not suffer from it. */
export class Gathered {
  #length = 0;
  #parts: Buffer[] = [];
  #newest: Buffer[] = [];

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  add(chunk: Buffer): void {
    this.#length += chunk.length;
    this.#newest.push(chunk);
    if (this.#newest.length < joined) return;
    this.#parts.push(Buffer.concat(this.#newest));
    this.#newest = [];
  }

  whole(): Buffer {
    const chunks = [...this.#parts, ...this.#newest];
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, this.#length);
  }
}
