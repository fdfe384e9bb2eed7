import { ConfigError, type Token, type TokenStore } from '../../core/index.js';

/** One token as the YAML lists it, parsed. */
export interface ListedToken {
  readonly key: string;
  readonly sha256: string;
  readonly description?: string | undefined;
  readonly pipelines?: readonly string[] | undefined;
  readonly active: boolean;
  readonly expires?: Date | undefined;
}

/** Tokens that are listed in the YAML: nothing to open, nothing to change at run time. */
export class StaticTokenStore implements TokenStore {
  readonly #tokens: ReadonlyMap<string, Token>;

  constructor(tokens: readonly ListedToken[]) {
    this.#tokens = new Map(tokens.map((listed) => [listed.key, toToken(listed)]));
  }

  async open(): Promise<void> {}

  async find(key: string): Promise<Token | undefined> {
    return this.#tokens.get(key);
  }

  async create(): Promise<void> {
    throw new ConfigError(
      'the tokens are listed in the YAML: add the new one there, with its key and the SHA-256 of its token, ' +
        'or use another type of token store',
    );
  }

  async list(): Promise<Token[]> {
    return [...this.#tokens.values()];
  }

  async setActive(key: string, active: boolean): Promise<void> {
    throw new ConfigError(
      `the tokens are listed in the YAML: set active: ${active} for ${key} there, or use another type of token store`,
    );
  }

  async delete(key: string): Promise<void> {
    throw new ConfigError(
      `the tokens are listed in the YAML: take ${key} out there, or use another type of token store`,
    );
  }

  async close(): Promise<void> {}
}

/** The YAML does not say when a token was made: the order of the list is the order of age. */
function toToken({ key, sha256, description, pipelines, active, expires }: ListedToken): Token {
  return {
    key,
    digest: new Uint8Array(Buffer.from(sha256, 'hex')),
    description: description ?? '',
    active,
    createdAt: new Date(0),
    ...(pipelines !== undefined && { pipelines }),
    ...(expires !== undefined && { expiresAt: expires }),
  };
}
