import { z } from 'zod';
import type { Arrival } from '../arrival.js';
import { ageFault, faults, seconds } from './faults.js';
import { Keyring } from './keyring.js';
import { common, defineScheme, type Signature, tolerance } from './scheme.js';

const headerName = () =>
  z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'expected the name of a header' });

const options = z
  .strictObject({
    ...common('hmac'),
    header: headerName().describe('The header that bears the signature, or several separated by commas'),
    algorithm: z.enum(['sha1', 'sha256', 'sha384', 'sha512']).default('sha256').describe('The hash'),
    encoding: z.enum(['hex', 'base64', 'base64url']).default('hex').describe('How the signature is written'),
    prefix: z.string().default('').describe('What stands before the signature, such as sha256='),
    timestamp: headerName()
      .optional()
      .describe('The header that says when it was signed: seconds, milliseconds, or RFC 3339'),
    content: z
      .string()
      .optional()
      .describe('What is signed: {body}, or with a timestamp {timestamp}.{body}, unless set'),
    tolerance: tolerance().optional().describe('How far the timestamp may be from our clock; 5m unless set'),
  })
  .superRefine(({ timestamp, content, tolerance }, context) => {
    const complain = (option: string, message: string) =>
      context.addIssue({ code: 'custom', path: [option], message });
    if (tolerance !== undefined && timestamp === undefined) {
      complain('tolerance', 'is about a timestamp: name its header as `timestamp`');
    }
    if (content === undefined) return;
    const count = (placeholder: string) => content.split(placeholder).length - 1;
    if (count('{body}') !== 1) complain('content', 'must have {body} in it, once');
    else if (/\{(?!body\}|timestamp\})/.test(content)) {
      complain('content', 'may have no placeholders but {body} and {timestamp}');
    } else if (timestamp === undefined && count('{timestamp}') > 0) {
      complain('content', 'has {timestamp} in it: name its header as `timestamp`');
    } else if (timestamp !== undefined && count('{timestamp}') === 0) {
      complain('content', 'must have {timestamp} in it: one that is not signed proves nothing');
    }
  });

/** For a vendor that has no type of its own: an HMAC of the body, or of a text with the body in it. */
export const hmac = defineScheme({
  type: 'hmac',
  description: 'Any other HMAC of the body, in a header that you name',
  options,
  create: (chosen) => new HmacSignature(chosen),
});

class HmacSignature implements Signature {
  readonly #keyring: Keyring;
  readonly #header: string;
  readonly #prefix: string;
  readonly #timestamp: string | undefined;
  readonly #tolerance: number;
  readonly #content: readonly string[];

  constructor({ secret, header, algorithm, encoding, prefix, ...rest }: z.output<typeof options>) {
    const { timestamp, tolerance = 300_000 } = rest;
    const { content = timestamp === undefined ? '{body}' : '{timestamp}.{body}' } = rest;
    this.#keyring = new Keyring(secret, encoding, algorithm);
    this.#header = header;
    this.#prefix = prefix;
    this.#timestamp = timestamp;
    this.#tolerance = tolerance;
    this.#content = content.split(/(\{body\}|\{timestamp\})/);
  }

  check(arrival: Arrival, posted: Buffer, now: number): string | undefined {
    const value = arrival.header(this.#header.toLowerCase());
    if (value === undefined) return faults.absent(this.#header);
    const items = value.split(',').map((item) => item.trim());
    const given = items.filter((item) => item.startsWith(this.#prefix));
    if (given.length === 0) return faults.malformed(this.#header);
    let timestamp = '';
    if (this.#timestamp !== undefined) {
      const found = arrival.header(this.#timestamp.toLowerCase());
      if (found === undefined) return faults.absent(this.#timestamp);
      const stale = ageFault(found, this.#tolerance, now);
      if (stale !== undefined) return stale;
      timestamp = found;
    }
    const texts = given.map((item) => item.slice(this.#prefix.length).trim());
    return this.#keyring.matches(texts, this.#signed(posted, timestamp)) ? undefined : faults.unmatched;
  }

  sign(posted: Buffer, now: number) {
    const timestamp = seconds(now);
    return {
      ...(this.#timestamp !== undefined && { [this.#timestamp]: timestamp }),
      [this.#header]: this.#prefix + this.#keyring.sign(this.#signed(posted, timestamp)),
    };
  }

  #signed(posted: Buffer, timestamp: string): readonly (string | Buffer)[] {
    return this.#content.map((part) =>
      part === '{body}' ? posted : part === '{timestamp}' ? timestamp : part,
    );
  }
}
