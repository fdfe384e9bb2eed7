import { promisify } from 'node:util';
import {
  type BrotliOptions,
  brotliDecompress,
  gunzip,
  inflate,
  inflateRaw,
  type ZlibOptions,
} from 'node:zlib';
import { Semaphore } from '../../core/semaphore.js';

interface Decoded {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}
type Decoder = (packed: Buffer, options: ZlibOptions & BrotliOptions) => Promise<Decoded>;

/** With `info` it tells, besides, how much of the input it took; the types do not know that. */
function decoder(decompress: (packed: Buffer, options: ZlibOptions, done: never) => void): Decoder {
  return promisify(decompress) as unknown as Decoder;
}

const zlibFormat = decoder(inflate);
const rawFormat = decoder(inflateRaw);

const decoders: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', decoder(gunzip)],
  ['x-gzip', decoder(gunzip)],
  ['br', decoder(brotliDecompress)],
  /** RFC 9110 means the zlib format by it; some senders leave its two bytes of header out. */
  ['deflate', (packed, options) => (looksLikeZlib(packed) ? zlibFormat : rawFormat)(packed, options)],
]);

/**
 * They run on the threads that flush the spool, and each may fill `maxLength` of memory: more at once would
 * slow every other sender.
 */
const atOnce = new Semaphore(2);

/** Text packs to a tenth, and a log full of repetition to a hundredth; what shrinks further is made to. */
const steepest = 200;
/** Bytes that any body may unpack to. */
const harmless = 1024 ** 2;

/** zlib's and brotli's codes for bad data; any other, such as one for want of memory, is ours. */
const senderFault =
  /^(Z_DATA_ERROR|Z_BUF_ERROR|Z_NEED_DICT|ERR__ERROR_FORMAT_.*|ERR_.*FORMAT.*|ERR_.*PADDING.*)$/;

/** Whether a `Content-Encoding` can be undone. */
export function isSupported(encoding: string | undefined): boolean {
  const name = nameOf(encoding);
  return name === 'identity' || decoders.has(name);
}

/**
 * Undoes the content encoding, once it is its turn. Rejects where the fault is ours.
 * @param maxLength bytes; the output of a compressed bomb stops there, or sooner: at 200 times its input
 */
export async function decode(
  packed: Buffer,
  encoding: string | undefined,
  maxLength: number,
): Promise<Buffer | 'too large' | 'broken'> {
  const decoder = decoders.get(nameOf(encoding));
  if (decoder === undefined || packed.length === 0) return packed;
  const maxOutputLength = Math.min(maxLength, Math.max(harmless, steepest * packed.length));
  try {
    const { buffer, engine } = await atOnce.run(() => decoder(packed, { maxOutputLength, info: true }));
    // What follows the end would be dropped unseen. Zeros after gzip are padding.
    const rest = packed.subarray(engine.bytesWritten);
    return rest.every((byte) => byte === 0) ? buffer : 'broken';
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    if (code === 'ERR_BUFFER_TOO_LARGE') return 'too large';
    if (senderFault.test(code)) return 'broken';
    throw error;
  }
}

function nameOf(encoding: string | undefined): string {
  return encoding === undefined || encoding === '' ? 'identity' : encoding.trim().toLowerCase();
}

function looksLikeZlib(packed: Buffer): boolean {
  const [first = 0, second = 0] = packed;
  return (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0;
}
