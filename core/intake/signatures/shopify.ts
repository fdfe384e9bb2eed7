import { z } from 'zod';
import type { Arrival } from '../arrival.js';
import { faults } from './faults.js';
import { Keyring } from './keyring.js';
import { common, defineScheme, type Signature } from './scheme.js';

const header = 'X-Shopify-Hmac-Sha256';
const field = header.toLowerCase();

/** Source: shopify.dev, "Deliver webhooks through HTTPS": verify the origin. */
export const shopify = defineScheme({
  type: 'shopify',
  description:
    "Shopify: the app's client secret, or what the shop's Notifications page shows, in `X-Shopify-Hmac-Sha256`",
  options: z.strictObject({ ...common('shopify') }),
  create: ({ secret }) => new ShopifySignature(secret),
});

class ShopifySignature implements Signature {
  readonly #keyring: Keyring;

  constructor(secrets: readonly string[]) {
    this.#keyring = new Keyring(secrets, 'base64');
  }

  check(arrival: Arrival, posted: Buffer): string | undefined {
    const given = arrival.header(field);
    if (given === undefined) return faults.absent(header);
    return this.#keyring.matches([given], [posted]) ? undefined : faults.unmatched;
  }

  sign(posted: Buffer) {
    return { [header]: this.#keyring.sign([posted]) };
  }
}
