import { promisify } from 'node:util';
import zlib, {
  type BrotliOptions,
  brotliDecompress,
  gunzip,
  inflate,
  inflateRaw,
  type ZlibOptions,
} from 'node:zlib';
import { readBody } from '../../core/intake/body.js';
import { Semaphore } from '../../core/kit/semaphore.js';

interface Decoded {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}
type Decoder = (packed: Buffer, options: ZlibOptions & BrotliOptions) => Promise<Decoded>;

type Decompress = (packed: Buffer, options: ZlibOptions, done: never) => void;

/** With `info` it tells, besides, how much of the input it took; the types do not know that. */
function decoder(decompress: Decompress): Decoder {
  return promisify(decompress) as unknown as Decoder;
}

/** From Node 22.15 on. */
const { zstdDecompress } = zlib as { readonly zstdDecompress?: Decompress };
const zlibFormat = decoder(inflate);
const rawFormat = decoder(inflateRaw);

const decoders: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', decoder(gunzip)],
  ['x-gzip', decoder(gunzip)],
  ['br', decoder(brotliDecompress)],
  /** RFC 9110 means the zlib format by it; some senders leave its two bytes of header out. */
  ['deflate', (packed, options) => (looksLikeZlib(packed) ? zlibFormat : rawFormat)(packed, options)],
  ...(zstdDecompress === undefined ? [] : [['zstd', decoder(zstdDecompress)] as const]),
]);

/** For `Accept-Encoding`. */
export const accepted = [...decoders.keys()].filter((name) => name !== 'x-gzip').join(', ');

/** What else is an encoding, by IANA's registry or in use: a body is not what its sender meant before it is undone. */
const others = new Set(
  'aes128gcm bzip2 compress dcb dcz exi lz4 lzma pack200-gzip snappy x-bzip2 x-compress xz zip zstd'.split(
    ' ',
  ),
);

/** More of them, one over the other, are nobody's in earnest. */
const mostCodings = 4;

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
  /^(Z_DATA_ERROR|Z_BUF_ERROR|Z_NEED_DICT|ERR__ERROR_FORMAT_.*|ERR_.*FORMAT.*|ERR_.*PADDING.*|ZSTD_error_(?!memory).*)$/;

/**
 * Whether a body is as its sender meant it only once an encoding is undone that is not undone here. One that is JSON
 * as it came is none: some write a character set there, and proxies unpack a body and leave the header.
 */
export function isUnsupported(posted: Buffer, encoding: string | undefined): boolean {
  if (encoding === undefined) return false;
  const codings = codingsOf(encoding);
  const isKnown = codings.length <= mostCodings && codings.every((coding) => decoders.has(coding));
  return !isKnown && !isJsonText(posted);
}

/**
 * Undoes the content encodings of a body that `isUnsupported` lets pass, each once it is its turn. What cannot be
 * unpacked, but is JSON, is taken as it is: it was unpacked on the way. Rejects where the fault is ours.
 * @param maxLength bytes; the output of a compressed bomb stops there, or sooner: at 200 times what was posted
 */
export async function decode(
  posted: Buffer,
  encoding: string | undefined,
  maxLength: number,
): Promise<Buffer | 'too large' | 'broken'> {
  const maxOutputLength = Math.min(maxLength, Math.max(harmless, steepest * posted.length));
  let body = posted;
  for (const coding of codingsOf(encoding ?? '').reverse()) {
    const decoder = decoders.get(coding);
    if (decoder === undefined || body.length === 0) return body;
    const unpacked = await undo(body, decoder, maxOutputLength);
    if (typeof unpacked === 'string') return isJsonText(body) ? body : unpacked;
    body = unpacked;
  }
  return body;
}

async function undo(
  packed: Buffer,
  decoder: Decoder,
  maxOutputLength: number,
): Promise<Buffer | 'too large' | 'broken'> {
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

/** Those of a list, in the order in which they were applied; what is no encoding is passed over. */
function codingsOf(encoding: string): string[] {
  const names = encoding.split(',').map((name) => name.replace(/;.*/, '').trim().toLowerCase());
  return names.filter((name) => decoders.has(name) || others.has(name));
}

function isJsonText(body: Buffer): boolean {
  return Buffer.isBuffer(readBody(body));
}

function looksLikeZlib(packed: Buffer): boolean {
  const [first = 0, second = 0] = packed;
  return (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0;
}
