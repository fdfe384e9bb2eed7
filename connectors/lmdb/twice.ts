import { crc32 } from 'node:zlib';
import type { Codec } from './environment.js';
import type { SpoolLogger } from './journal/retiring.js';

const sumLength = 4;

/**
 * JSON that is kept twice, each time with its sum (CRC-32, uint32, in front): for the few values of which a changed
 * digit would double requests or lose them. LMDB has no sums of its own.
 * @param what names such a value in messages: `a batch`
 */
export function twice<V>(what: string, logger: SpoolLogger): Codec<V> {
  let isTold = false;
  return {
    encode(value) {
      const text = Buffer.from(JSON.stringify(value));
      const sum = Buffer.allocUnsafe(sumLength);
      sum.writeUInt32LE(crc32(text));
      return Buffer.concat([sum, text, sum, text]);
    },
    decode(bytes) {
      const own = Buffer.from(bytes.subarray(0, bytes.length));
      const copies = [own.subarray(0, own.length / 2), own.subarray(own.length / 2)];
      const whole = copies.filter(isWhole);
      const [copy] = whole;
      if (copy === undefined) {
        throw standstill(`both copies of ${what} in the spool's data.mdb were changed by its disk`);
      }
      if (whole.length < copies.length && !isTold) {
        isTold = true;
        logger.error(
          {},
          `one of the two copies of ${what} in the spool's data.mdb was changed by its disk, and the other one is ` +
            'used: look after the disk',
        );
      }
      return JSON.parse(copy.toString('utf8', sumLength)) as V;
    },
  };
}

/** @param fault what is wrong with the data file: `the key of a batch … was changed by its disk` */
export function standstill(fault: string): Error {
  return new Error(
    `${fault}: what depends on it stands still, so that nothing is lost or doubled; restore the folder, and look ` +
      'after the disk',
  );
}

/** For a value that is there from the beginning. A changed key would else pass for a spool that is new. */
export function present<V>(value: V | undefined, what: string): V {
  if (value !== undefined) return value;
  throw standstill(`${what} is missing in the spool's data.mdb, as if its disk had lost it`);
}

function isWhole(copy: Buffer): boolean {
  return copy.length > sumLength && copy.readUInt32LE() === crc32(copy.subarray(sumLength));
}
