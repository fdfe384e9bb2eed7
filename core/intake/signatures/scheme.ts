import { z } from 'zod';
import { duration, secret } from '../../kit/options.js';
import type { Arrival } from '../arrival.js';

/** How the senders of one pipeline sign, with its secrets. Building one does no I/O. */
export interface Signature {
  /**
   * Why the request does not count as signed, in words for the operator that hold nothing of the request;
   * `undefined` when it does. Source: each vendor's page, named in the file of its scheme.
   * @param posted the body's bytes as they came, before a content encoding is undone
   * @param now milliseconds since the epoch
   */
  check(arrival: Arrival, posted: Buffer, now: number): string | undefined;
  /** The header fields that such a sender adds, by the first secret. @param now milliseconds since the epoch */
  sign(posted: Buffer, now: number): Readonly<Record<string, string>>;
  /** What to answer, as a JSON text, to a signed body that is a test of the URL: it is not kept. */
  challenge?(body: Buffer): string | undefined;
  /** What to answer to a GET that is a test of the URL: a text, or the parameter that is wrong. */
  handshake?(query: URLSearchParams): Handshake | undefined;
}

/** `text` is printable ASCII. */
export type Handshake = { readonly text: string } | { readonly wrong: 'hub.verify_token' | 'hub.challenge' };

/** One way of signing, as a pipeline's `signature` names it by its `type`. */
export interface Scheme {
  readonly type: string;
  /** One line for the reference. */
  readonly description: string;
  /** Everything that the YAML's `signature` may say. */
  readonly options: z.ZodObject;
  /** @param options parsed by `options` */
  create(options: unknown): Signature;
}

export function defineScheme<O extends z.ZodObject>(scheme: {
  readonly type: string;
  readonly description: string;
  readonly options: O;
  readonly create: (options: z.output<O>) => Signature;
}): Scheme {
  return { ...scheme, create: (options) => scheme.create(options as z.output<O>) };
}

/** What the `signature` of every type may say. @param one the form of a secret */
export function common<T extends string>(type: T, one: z.ZodString = secret()) {
  return {
    type: z.literal(type).describe('How its senders sign'),
    secret: z
      .union([one, z.array(one).min(1)])
      .transform((value) => (typeof value === 'string' ? [value] : value))
      .describe('What its senders sign with; a list while it is changed: the old and the new are as good'),
    key: z
      .string()
      .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, { error: 'expected the key of a token, a UUID' })
      .transform((key) => key.toLowerCase())
      .optional()
      .describe('The key of a token that stands for its senders: their URL then needs neither key nor token'),
  };
}

/** How far a signed timestamp may be from our clock, to either side. Parsed to milliseconds. */
export function tolerance() {
  return duration().refine((value) => value >= 1000 && value <= 86_400_000, {
    error: 'expected a duration from 1s to 1d',
  });
}

/** Of vendors whose timestamps are of the sending. */
export function usualTolerance() {
  return tolerance().prefault('5m').describe('How far its timestamp may be from our clock');
}
