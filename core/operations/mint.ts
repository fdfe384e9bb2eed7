import { randomInt, randomUUID } from 'node:crypto';
import type { Token } from '../contract/token-store.js';
import { digestOf } from '../intake/request.js';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A new access token. `token` is shown once and then forgotten; `stored` is what a token store keeps. */
export interface Minted {
  readonly token: string;
  readonly stored: Token;
}

/** 64 letters and digits from a cryptographic source: 381 bits. */
export function mint(details: {
  readonly description: string;
  readonly pipelines?: readonly string[];
  readonly expiresAt?: Date;
}): Minted {
  const token = Array.from({ length: 64 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return {
    token,
    stored: { ...details, key: randomUUID(), digest: digestOf(token), active: true, createdAt: new Date() },
  };
}
