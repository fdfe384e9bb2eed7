import { z } from 'zod';
import type { Arrival } from '../arrival.js';
import { faults } from './faults.js';
import { Keyring } from './keyring.js';
import { common, defineScheme, type Signature } from './scheme.js';

const header = 'X-Hub-Signature-256';
const field = header.toLowerCase();
const form = /^sha256= *([0-9a-fA-F]{64})$/;

/** Source: docs.github.com, "Validating webhook deliveries". The older SHA-1 header beside it is not looked at. */
export const github = defineScheme({
  type: 'github',
  description: 'GitHub: the secret of the webhook, in `X-Hub-Signature-256`',
  options: z.strictObject({ ...common('github') }),
  create: ({ secret }) => new HubSignature(secret),
});

/** What GitHub and Meta share: the hexadecimal HMAC of the body. */
export class HubSignature implements Signature {
  readonly #keyring: Keyring;

  constructor(secrets: readonly string[]) {
    this.#keyring = new Keyring(secrets, 'hex');
  }

  check(arrival: Arrival, posted: Buffer): string | undefined {
    const value = arrival.header(field);
    if (value === undefined) return faults.absent(header);
    const given = form.exec(value)?.[1];
    if (given === undefined) return faults.malformed(header);
    return this.#keyring.matches([given], [posted]) ? undefined : faults.unmatched;
  }

  sign(posted: Buffer) {
    return { [header]: `sha256=${this.#keyring.sign([posted])}` };
  }
}
