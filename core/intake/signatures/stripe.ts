import { z } from 'zod';
import type { Arrival } from '../arrival.js';
import { ageFault, faults, seconds } from './faults.js';
import { Keyring } from './keyring.js';
import { common, defineScheme, type Signature, usualTolerance } from './scheme.js';

const header = 'Stripe-Signature';
const field = header.toLowerCase();

/**
 * Source: docs.stripe.com, "Verify webhook signatures manually". While a secret is rolled there is a `v1` by
 * each; a `v0` is for tests and counts for nothing.
 */
export const stripe = defineScheme({
  type: 'stripe',
  description: "Stripe: the endpoint's signing secret (`whsec_…`), in `Stripe-Signature`",
  options: z.strictObject({
    ...common('stripe'),
    tolerance: usualTolerance(),
  }),
  create: ({ secret, tolerance }) => new StripeSignature(secret, tolerance),
});

class StripeSignature implements Signature {
  readonly #keyring: Keyring;
  readonly #tolerance: number;

  constructor(secrets: readonly string[], tolerance: number) {
    this.#keyring = new Keyring(secrets, 'hex');
    this.#tolerance = tolerance;
  }

  check(arrival: Arrival, posted: Buffer, now: number): string | undefined {
    const value = arrival.header(field);
    if (value === undefined) return faults.absent(header);
    const items = value.split(',').map((item) => item.trim());
    const [timestamp, ...others] = valuesOf(items, 't=');
    const given = valuesOf(items, 'v1=');
    if (timestamp === undefined || others.length > 0 || given.length === 0) return faults.malformed(header);
    const stale = ageFault(timestamp, this.#tolerance, now);
    if (stale !== undefined) return stale;
    return this.#keyring.matches(given, [`${timestamp}.`, posted]) ? undefined : faults.unmatched;
  }

  sign(posted: Buffer, now: number) {
    const timestamp = seconds(now);
    return { [header]: `t=${timestamp},v1=${this.#keyring.sign([`${timestamp}.`, posted])}` };
  }
}

function valuesOf(items: readonly string[], name: string): string[] {
  return items.filter((item) => item.startsWith(name)).map((item) => item.slice(name.length).trim());
}
