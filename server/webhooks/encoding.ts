import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';

type Decoder = (packed: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

const zlibFormat: Decoder = promisify(inflate);
const rawFormat: Decoder = promisify(inflateRaw);

const decoders: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['br', promisify(brotliDecompress)],
  /** RFC 9110 means the zlib format by it; some senders leave its two bytes of header out. */
  ['deflate', (packed, options) => (looksLikeZlib(packed) ? zlibFormat : rawFormat)(packed, options)],
]);

/** zlib's and brotli's codes for bad data; any other, such as one for want of memory, is ours. */
const senderFault =
  /^(Z_DATA_ERROR|Z_BUF_ERROR|Z_NEED_DICT|ERR__ERROR_FORMAT_.*|ERR_.*FORMAT.*|ERR_.*PADDING.*)$/;

/** Whether a `Content-Encoding` can be undone. */
export function isSupported(encoding: string | undefined): boolean {
  const name = nameOf(encoding);
  return name === 'identity' || decoders.has(name);
}

/**
 * Undoes the content encoding. Rejects where the fault is ours.
 * @param maxLength bytes; the output of a compressed bomb stops there
 */
export async function decode(
  packed: Buffer,
  encoding: string | undefined,
  maxLength: number,
): Promise<Buffer | 'too large' | 'broken'> {
  const decoder = decoders.get(nameOf(encoding));
  if (decoder === undefined || packed.length === 0) return packed;
  try {
    return await decoder(packed, { maxOutputLength: maxLength });
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
