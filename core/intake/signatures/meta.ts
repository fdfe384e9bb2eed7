import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { secret } from '../../kit/options.js';
import { HubSignature } from './github.js';
import { common, defineScheme, type Handshake } from './scheme.js';

/** Source: developers.facebook.com, Graph API, Webhooks, "Getting started": verification requests. */
export const meta = defineScheme({
  type: 'meta',
  description:
    'Meta (Facebook, Instagram, WhatsApp): the app secret, in `X-Hub-Signature-256`. The GET that tests the URL is answered.',
  options: z.strictObject({
    ...common('meta'),
    verifyToken: secret().describe('What you enter as Verify token; a GET with another one is refused'),
  }),
  create: ({ secret, verifyToken }) => new MetaSignature(secret, verifyToken),
});

class MetaSignature extends HubSignature {
  readonly #verifyToken: Buffer;

  constructor(secrets: readonly string[], verifyToken: string) {
    super(secrets);
    this.#verifyToken = digest(verifyToken);
  }

  handshake(query: URLSearchParams): Handshake | undefined {
    if (query.get('hub.mode') !== 'subscribe') return undefined;
    const token = query.get('hub.verify_token') ?? '';
    if (!timingSafeEqual(digest(token), this.#verifyToken)) return { wrong: 'hub.verify_token' };
    const text = query.get('hub.challenge') ?? '';
    return /^[!-~]{1,1000}$/.test(text) ? { text } : { wrong: 'hub.challenge' };
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
