import { brotliDecompressSync, constants, gunzipSync, inflateSync } from 'node:zlib';

/** A well-formed request, before it is bytes. */
export interface Message {
  readonly method: string;
  /** What follows the `?`; `undefined` where there is none. */
  readonly query: string | undefined;
  readonly authorization: string | undefined;
  readonly encoding: string | undefined;
  /** As it is posted. */
  readonly body: Buffer;
}

export interface Known {
  readonly pipelines: readonly string[];
  readonly key: string;
  readonly token: string;
  /** Bytes. */
  readonly maxBody: number;
}

export type Expected =
  | { readonly status: 200; readonly landed: Buffer | undefined }
  | { readonly status: number; readonly error: string };

const refused = (error: string, status = 400): Expected => ({ status, error });

/**
 * The protocol once more, from its text, simply and slowly: what a request is answered, and what lands.
 * It shares no code with the server.
 */
export function expected(message: Message, known: Known): Expected {
  const { method, query, authorization, encoding, body } = message;
  if (method !== 'POST') return refused('METHOD_NOT_ALLOWED', 405);
  if ((query === undefined || query === '') && authorization === undefined)
    return refused('NO_PARAMETERS_PROVIDED');

  const given = parametersOf(query ?? '', authorization);
  for (const name of ['pipeline_id', 'key', 'token']) {
    const values = given.get(name) ?? [];
    if (values.every((value) => value === '')) return refused(`MISSING_PARAMETER: ${name}`);
  }
  for (const name of ['pipeline_id', 'key', 'token']) {
    const values = [...new Set(given.get(name))];
    if (values.length > 1 || !isOfForm(name, values[0] ?? '')) return refused(`INVALID_PARAMETER: ${name}`);
  }
  const [pipeline = '', key = '', token = ''] = ['pipeline_id', 'key', 'token'].map(
    (name) => given.get(name)?.[0],
  );
  if (!known.pipelines.includes(pipeline)) return refused('INVALID_PARAMETER: pipeline_id');

  if (body.length > known.maxBody) return refused('BODY_TOO_LARGE', 413);
  const codings: string[] = (encoding ?? '').toLowerCase().match(/[^,\s]+/g) ?? [];
  const isPlain = isJsonText(withoutMark(body)) && !isBlank(body);
  if (codings.includes('compress') && !isPlain) return refused('UNSUPPORTED_ENCODING', 415);
  let text = body;
  for (const coding of codings.reverse()) {
    const unpacked = unpack(text, coding);
    // One that breaks off behind the limit is too large before it is broken.
    const length = (unpacked ?? unpack(text, coding, true))?.length ?? 0;
    // It was unpacked on the way.
    const isLeftOver = unpacked === undefined && isJsonText(withoutMark(text)) && !isBlank(text);
    if (isLeftOver) break;
    if (length > known.maxBody) return refused('BODY_TOO_LARGE', 413);
    if (unpacked === undefined) return refused('INVALID_PARAMETER: body');
    text = unpacked;
  }
  text = withoutMark(text);
  if (isBlank(text)) return refused('NO_BODY_PROVIDED');
  if (!isJsonText(text)) return refused('INVALID_PARAMETER: body');
  const authentic = key.toLowerCase() === known.key && token === known.token;
  return { status: 200, landed: authentic ? text : undefined };
}

function withoutMark(text: Buffer): Buffer {
  return text.subarray(0, 3).equals(Buffer.from('efbbbf', 'hex')) ? text.subarray(3) : text;
}

function isBlank(text: Buffer): boolean {
  return /^[ \t\r\n]*$/.test(withoutMark(text).toString('latin1'));
}

/** By `JSON.parse`, over a decoder that takes nothing but UTF-8. */
export function isJsonText(text: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text));
    return true;
  } catch {
    return false;
  }
}

function parametersOf(
  query: string,
  authorization: string | undefined,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const pairs = query.split('&');
  for (const pair of pairs) {
    const [name = '', ...rest] = pair.split('=');
    const decoded = percentDecoded(name).replace(/^amp;/, '');
    const isOurs = ['pipeline_id', 'key', 'token'].includes(decoded);
    const [value = '', ...behind] = isOurs ? rest.join('=').split('?') : [rest.join('=')];
    // Seen while this goes on.
    if (behind.length > 0) pairs.push(behind.join('?'));
    const values = found.get(decoded) ?? [];
    values.push(percentDecoded(value));
    found.set(decoded, values);
  }
  const basic = /^basic +([\w+/=-]+) *$/i.exec(authorization ?? '')?.[1];
  if (basic !== undefined) {
    const [key = '', ...rest] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    if ((found.get('key') ?? []).every((value) => value === '')) found.set('key', [key]);
    if ((found.get('token') ?? []).every((value) => value === '')) found.set('token', [rest.join(':')]);
  }
  return found;
}

/** Broken percent-encoding stands for something of no form. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '\u0000';
  }
}

function isOfForm(name: string, value: string): boolean {
  if (name === 'token') return /^[a-zA-Z0-9]+$/.test(value) && value.length <= 256;
  if (name === 'key') {
    const groups = value.split('-').map((group) => (/^[\da-fA-F]+$/.test(group) ? group.length : 0));
    return groups.join('-') === '8-4-4-4-12';
  }
  return /^\d+$/.test(value) && !value.startsWith('0') && BigInt(value) <= 2n ** 53n - 1n;
}

/** @param tornOff whether it may break off: then what there is of it */
function unpack(body: Buffer, coding: string, tornOff = false): Buffer | undefined {
  if (!['gzip', 'br', 'deflate'].includes(coding) || body.length === 0) return body;
  const { BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH, Z_SYNC_FLUSH, Z_FINISH } = constants;
  try {
    if (coding === 'br')
      return brotliDecompressSync(body, {
        finishFlush: tornOff ? BROTLI_OPERATION_FLUSH : BROTLI_OPERATION_FINISH,
      });
    const options = { finishFlush: tornOff ? Z_SYNC_FLUSH : Z_FINISH };
    return coding === 'deflate' ? inflateSync(body, options) : gunzipSync(body, options);
  } catch {
    return undefined;
  }
}
