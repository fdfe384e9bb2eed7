import { randomFillSync } from 'node:crypto';

const letters = 20;
const pool = Buffer.alloc(8192);
let used = pool.length;

/** A request id: 20 letters a-z from a cryptographic source; 94 bits, so unique. */
export function newRequestId(): string {
  let id = '';
  while (id.length < letters) {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const byte = pool[used++] as number;
    // 234 = 9 × 26: larger bytes would favour the first letters.
    if (byte < 234) id += String.fromCharCode(97 + (byte % 26));
  }
  return id;
}
