import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';

/** An answer as it stands on the wire. */
export interface WireAnswer {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface Exchange {
  readonly answers: readonly WireAnswer[];
  /** What came behind the last whole answer. */
  readonly rest: string;
  /** Whether the server closed the connection, and not we, who lost patience. */
  readonly closed: boolean;
}

/**
 * Sends the pieces one by one, and collects what comes until the server closes or nothing more has come for a while.
 * @param leave end our side after so many pieces, at once, as a sender that crashes
 * @param half close our side behind the last piece, and go on reading
 */
export async function exchange(
  port: number,
  pieces: readonly Buffer[],
  { patience = 3000, leave = Number.POSITIVE_INFINITY, half = false } = {},
): Promise<Exchange> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).setNoDelay();
  const chunks: Buffer[] = [];
  let closed = true;
  const over = new Promise((resolve) => socket.once('close', resolve));
  const impatient = () => {
    closed = false;
    socket.destroy();
  };
  let late = setTimeout(impatient, patience);
  socket.once('end', () => socket.end());
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    clearTimeout(late);
    late = setTimeout(impatient, patience);
  });
  for (const [index, piece] of pieces.entries()) {
    if (index >= leave) {
      impatient();
      break;
    }
    if (index > 0) await sleep(1);
    if (socket.writable) socket.write(piece);
  }
  if (half) socket.end();
  await over;
  clearTimeout(late);
  return { ...readAnswers(Buffer.concat(chunks).toString('latin1')), closed };
}

/** As RFC 9112 says, and no more tolerant than that. */
export function readAnswers(text: string): { readonly answers: WireAnswer[]; readonly rest: string } {
  const answers: WireAnswer[] = [];
  let at = 0;
  for (;;) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) break;
    const [line = '', ...fields] = text.slice(at, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [ -~]+$/.exec(line)?.[1] ?? Number.NaN);
    if (Number.isNaN(status)) break;
    const headers = new Map(
      fields.map((field): [string, string] => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
      }),
    );
    const length = status === 100 ? 0 : Number(headers.get('content-length') ?? Number.NaN);
    const body = text.slice(end + 4, end + 4 + length);
    if (Number.isNaN(length) || body.length < length) break;
    if (status !== 100) answers.push({ status, headers, body });
    at = end + 4 + length;
  }
  return { answers, rest: text.slice(at) };
}

/** In one piece, or cut anywhere; small ones sometimes into single bytes. */
export function fragmented(stream: Buffer, random: Random): Buffer[] {
  if (stream.length < 2 || random.chance(0.4)) return [stream];
  if (stream.length < 60 && random.chance(0.3)) return [...stream].map((byte) => Buffer.from([byte]));
  const places = Array.from({ length: 1 + random.below(4) }, () => 1 + random.below(stream.length - 1));
  const sorted = [0, ...places.sort((a, b) => a - b), stream.length];
  return sorted.slice(1).map((end, index) => stream.subarray(sorted[index], end));
}

/** For a message of a test: bytes that can be pasted into one. */
export function shownBytes(pieces: readonly Buffer[]): string {
  return pieces.map((piece) => JSON.stringify(piece.toString('latin1').slice(0, 2000))).join(' + ');
}
