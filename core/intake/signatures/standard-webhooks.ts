import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { secret } from '../../kit/options.js';
import type { Arrival } from '../arrival.js';
import { ageFault, faults, seconds } from './faults.js';
import { Keyring } from './keyring.js';
import { common, defineScheme, type Signature, usualTolerance } from './scheme.js';

/** The specification's names, and those of Svix, from which it came and whose customers send them still. */
const families = ['webhook', 'svix'].map((family) => ({
  id: `${family}-id`,
  timestamp: `${family}-timestamp`,
  signature: `${family}-signature`,
}));
const [standard] = families as [(typeof families)[number]];

/** The prefix is left out by some; the rest is the base64 of the key's bytes. */
const form = /^(?:whsec_)?(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Source: the Standard Webhooks specification. Of its two kinds of signature the symmetric one, `v1`. */
export const standardWebhooks = defineScheme({
  type: 'standard-webhooks',
  description:
    'Standard Webhooks, and Svix: the secret of the endpoint (`whsec_…`), in `webhook-signature` or `svix-signature`',
  options: z.strictObject({
    ...common('standard-webhooks', secret().regex(form, { error: 'expected whsec_ and base64' })),
    tolerance: usualTolerance(),
  }),
  create: ({ secret, tolerance }) => new StandardSignature(secret, tolerance),
});

class StandardSignature implements Signature {
  readonly #keyring: Keyring;
  readonly #tolerance: number;

  constructor(secrets: readonly string[], tolerance: number) {
    const keys = secrets.map((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'));
    this.#keyring = new Keyring(keys, 'base64');
    this.#tolerance = tolerance;
  }

  check(arrival: Arrival, posted: Buffer, now: number): string | undefined {
    const names = families.find(({ signature }) => arrival.header(signature) !== undefined) ?? standard;
    const value = arrival.header(names.signature);
    if (value === undefined) return faults.absent(names.signature);
    const id = arrival.header(names.id);
    if (id === undefined) return faults.absent(names.id);
    const timestamp = arrival.header(names.timestamp);
    if (timestamp === undefined) return faults.absent(names.timestamp);
    const given = value.split(' ').flatMap((item) => (item.startsWith('v1,') ? [item.slice(3)] : []));
    // `, ` is between two headers of one name.
    if (given.length === 0 || value.includes(', ')) return faults.malformed(names.signature);
    if (id === '') return faults.malformed(names.id);
    const stale = ageFault(timestamp, this.#tolerance, now);
    if (stale !== undefined) return stale;
    return this.#keyring.matches(given, [`${id}.${timestamp}.`, posted]) ? undefined : faults.unmatched;
  }

  sign(posted: Buffer, now: number) {
    const id = `msg_${randomUUID()}`;
    const timestamp = seconds(now);
    return {
      [standard.id]: id,
      [standard.timestamp]: timestamp,
      [standard.signature]: `v1,${this.#keyring.sign([`${id}.${timestamp}.`, posted])}`,
    };
  }
}
