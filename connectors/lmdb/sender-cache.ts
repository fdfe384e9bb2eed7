import { readUuid } from './uuid.js';

/** Who sent a record, as its entry has it. */
export interface StoredSender {
  readonly key: string;
  readonly tokenDigest: Uint8Array;
}

const keyLength = 16;
const digestLength = 32;
const length = keyLength + digestLength;

/** A power of two. Some 300 bytes each, once somebody is in it. */
const slots = 16_384;

/**
 * The senders of the records that were read last, each decoded once: thousands of records in a row are of the same
 * few. A digest is as good as a random number, so its first bits say where its sender lies; whoever has the same ones
 * takes the place.
 */
export class SenderCache {
  readonly #bytes = new Uint8Array(slots * length);
  readonly #senders = new Array<StoredSender | undefined>(slots).fill(undefined);

  /** @param offset of the key, behind which the digest lies */
  read(bytes: Buffer, offset: number): StoredSender {
    const slot = bytes.readUInt16LE(offset + keyLength) % slots;
    const sender = this.#senders[slot];
    return sender !== undefined && this.#isIn(slot, bytes, offset) ? sender : this.#put(slot, bytes, offset);
  }

  #isIn(slot: number, bytes: Buffer, offset: number): boolean {
    const own = slot * length;
    for (let index = 0; index < length; index++) {
      if (this.#bytes[own + index] !== bytes[offset + index]) return false;
    }
    return true;
  }

  #put(slot: number, bytes: Buffer, offset: number): StoredSender {
    this.#bytes.set(bytes.subarray(offset, offset + length), slot * length);
    const digest = offset + keyLength;
    const sender = {
      key: readUuid(bytes, offset),
      // Its own: a view would keep the page in memory.
      tokenDigest: new Uint8Array(bytes.subarray(digest, digest + digestLength)),
    };
    this.#senders[slot] = sender;
    return sender;
  }
}
