import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** How the bytes of an HMAC are written into a header. */
export type Encoding = 'hex' | 'base64' | 'base64url';

/** What is signed, in order. */
type Content = readonly (string | Buffer)[];

/** The secrets that a sender may sign with, each as good as the others. */
export class Keyring {
  readonly #algorithm: string;
  readonly #encoding: Encoding;
  readonly #keys: readonly KeyObject[];

  /** @param secrets at least one; a text stands for its UTF-8 bytes */
  constructor(secrets: readonly (string | Buffer)[], encoding: Encoding, algorithm = 'sha256') {
    this.#algorithm = algorithm;
    this.#encoding = encoding;
    this.#keys = secrets.map((secret) => createSecretKey(Buffer.from(secret as string)));
  }

  /** The HMAC by the first secret. */
  sign(content: Content): string {
    return this.#hmac(this.#keys[0] as KeyObject, content);
  }

  /** Whether one of these texts is the HMAC by one of the secrets. */
  matches(given: readonly string[], content: Content): boolean {
    const texts = given.map((text) => this.#plain(text));
    return this.#keys.some((key) => {
      const expected = Buffer.from(this.#plain(this.#hmac(key, content)), 'latin1');
      return texts.some((text) => {
        const bytes = Buffer.from(text, 'latin1');
        return bytes.length === expected.length && timingSafeEqual(bytes, expected);
      });
    });
  }

  #hmac(key: KeyObject, content: Content): string {
    const hmac = createHmac(this.#algorithm, key);
    for (const part of content) hmac.update(part);
    return hmac.digest(this.#encoding);
  }

  /** Without what says nothing: the case of hexadecimal digits, the padding of base64. */
  #plain(text: string): string {
    return this.#encoding === 'hex' ? text.toLowerCase() : text.replace(/={1,2}$/, '');
  }
}
