import { expect } from 'chai';
import { SenderCache, type StoredSender } from '../../../connectors/lmdb/sender-cache.js';
import { writeUuid } from '../../../connectors/lmdb/uuid.js';
import { seed } from '../../support/attack.js';
import { Random } from '../../support/random.js';

const random = new Random(seed);
const offset = 7;

/** Keys and digests that differ in one place each, so that most of them share a slot. */
const senders: readonly StoredSender[] = Array.from({ length: 200 }, (_, n) => {
  const tokenDigest = new Uint8Array(32).fill(n % 3);
  if (n % 2 === 0) tokenDigest[2 + (n % 30)] = n;
  return { key: `00000000-0000-4000-8000-${String(n % 50).padStart(12, '0')}`, tokenDigest };
});

describe('the senders that an LMDB spool has decoded', () => {
  it('are told apart, whoever came before in the same place, and stay as they were read', () => {
    const cache = new SenderCache();
    const bytes = Buffer.alloc(offset + 16 + 32);
    const read: [expected: StoredSender, got: StoredSender][] = [];
    for (let n = 0; n < 5000; n++) {
      const sender = random.of(senders);
      writeUuid(bytes, offset, sender.key);
      bytes.set(sender.tokenDigest, offset + 16);
      read.push([sender, cache.read(bytes, offset)]);
    }
    for (const [expected, got] of read) expect(got).to.deep.equal(expected);
  });

  it('are decoded once while nobody takes their place', () => {
    const cache = new SenderCache();
    const entries = [1, 2, 3].map((n) => Buffer.alloc(48, n));
    const first = entries.map((entry) => cache.read(entry, 0));
    for (const [index, entry] of entries.entries()) expect(cache.read(entry, 0)).to.equal(first[index]);
  });
});
