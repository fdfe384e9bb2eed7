import { z } from 'zod';
import type { Arrival } from '../arrival.js';
import { ageFault, faults, seconds } from './faults.js';
import { Keyring } from './keyring.js';
import { common, defineScheme, type Signature, usualTolerance } from './scheme.js';

const header = 'X-Slack-Signature';
const timeHeader = 'X-Slack-Request-Timestamp';
const [field, timeField] = [header.toLowerCase(), timeHeader.toLowerCase()];
const form = /^v0= *([0-9a-fA-F]{64})$/;

/** Source: docs.slack.dev, "Verifying requests from Slack", and the `url_verification` event. */
export const slack = defineScheme({
  type: 'slack',
  description:
    "Slack: the app's signing secret, in `X-Slack-Signature`. The POST that tests the URL is answered and not kept.",
  options: z.strictObject({
    ...common('slack'),
    tolerance: usualTolerance(),
  }),
  create: ({ secret, tolerance }) => new SlackSignature(secret, tolerance),
});

class SlackSignature implements Signature {
  readonly #keyring: Keyring;
  readonly #tolerance: number;

  constructor(secrets: readonly string[], tolerance: number) {
    this.#keyring = new Keyring(secrets, 'hex');
    this.#tolerance = tolerance;
  }

  check(arrival: Arrival, posted: Buffer, now: number): string | undefined {
    const timestamp = arrival.header(timeField);
    if (timestamp === undefined) return faults.absent(timeHeader);
    const value = arrival.header(field);
    if (value === undefined) return faults.absent(header);
    const given = form.exec(value)?.[1];
    if (given === undefined) return faults.malformed(header);
    const stale = ageFault(timestamp, this.#tolerance, now);
    if (stale !== undefined) return stale;
    return this.#keyring.matches([given], [`v0:${timestamp}:`, posted]) ? undefined : faults.unmatched;
  }

  sign(posted: Buffer, now: number) {
    const timestamp = seconds(now);
    return {
      [timeHeader]: timestamp,
      [header]: `v0=${this.#keyring.sign([`v0:${timestamp}:`, posted])}`,
    };
  }

  challenge(body: Buffer): string | undefined {
    if (!body.includes('"url_verification"')) return undefined;
    const { type, challenge } = JSON.parse(body.toString()) as Readonly<Record<string, unknown>>;
    if (type !== 'url_verification') return undefined;
    if (typeof challenge !== 'string' || !/^[!-~]{1,1000}$/.test(challenge)) return undefined;
    return JSON.stringify({ challenge });
  }
}
