import { ConfigError, RetryableError, type Token, type TokenStore } from '../../core/index.js';
import { type Db, Environment } from './environment.js';
import { Opened } from './opened.js';

export interface LmdbTokenStoreOptions {
  /** The token store's folder. */
  readonly path: string;
}

/** A token as JSON: times in milliseconds since the epoch, the digest in hexadecimal. */
interface StoredToken {
  readonly digest: string;
  readonly description: string;
  readonly active: boolean;
  readonly pipelines?: readonly string[];
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly lastUsedAt?: number;
}

interface Parts {
  readonly environment: Environment;
  readonly tokens: Db<StoredToken>;
}

/** Address space, not disk: some millions of tokens. */
const mapSize = 4 * 1024 ** 3;

/** Tokens in an LMDB environment on this machine's disk, shared by several processes. */
export class LmdbTokenStore implements TokenStore {
  readonly #path: string;
  readonly #parts = new Opened<Parts>();

  constructor({ path }: LmdbTokenStoreOptions) {
    this.#path = path;
  }

  async open(): Promise<void> {
    await this.#parts.open(() =>
      Environment.open('token store', this.#path, mapSize, (environment) => {
        return { environment, tokens: environment.db<StoredToken>('tokens') };
      }),
    );
  }

  async find(key: string): Promise<Token | undefined> {
    const { environment, tokens } = this.#open();
    environment.refresh();
    const stored = tokens.get(Buffer.from(key));
    return stored && toToken(key, stored);
  }

  async create(token: Token): Promise<void> {
    const { environment, tokens } = this.#open();
    const key = Buffer.from(token.key);
    const created = await environment.transact(() => {
      if (tokens.doesExist(key)) return false;
      void tokens.put(key, toStored(token));
      return true;
    });
    if (!created) {
      throw new ConfigError(
        `the token store at ${this.#path} has a token ${token.key} already; take another key`,
      );
    }
  }

  async list(): Promise<Token[]> {
    const { environment, tokens } = this.#open();
    environment.refresh();
    return [...tokens.getRange({})]
      .map(({ key, value }) => toToken(key.toString(), value))
      .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
  }

  async setActive(key: string, active: boolean): Promise<void> {
    const found = await this.#open().environment.transact(() =>
      this.#change(key, (stored) => ({ ...stored, active })),
    );
    if (!found) throw this.#unknown(key);
  }

  async delete(key: string): Promise<void> {
    const { environment, tokens } = this.#open();
    const found = await environment.transact(() => {
      if (!tokens.doesExist(Buffer.from(key))) return false;
      void tokens.remove(Buffer.from(key));
      return true;
    });
    if (!found) throw this.#unknown(key);
  }

  async touch(uses: ReadonlyMap<string, Date>): Promise<void> {
    if (uses.size === 0) return;
    await this.#open().environment.transact(() => {
      for (const [key, date] of uses) {
        const at = date.getTime();
        this.#change(key, (stored) => ({ ...stored, lastUsedAt: Math.max(at, stored.lastUsedAt ?? at) }));
      }
    });
  }

  async close(): Promise<void> {
    const parts = await this.#parts.take();
    await parts?.environment.close();
  }

  /** Within a transaction: reads and puts as one; false when there is no such token. */
  #change(key: string, change: (stored: StoredToken) => StoredToken): boolean {
    const { tokens } = this.#open();
    const stored = tokens.get(Buffer.from(key));
    if (stored === undefined) return false;
    void tokens.put(Buffer.from(key), change(stored));
    return true;
  }

  #unknown(key: string): ConfigError {
    return new ConfigError(`the token store at ${this.#path} has no token ${key}; list them for their keys`);
  }

  #open(): Parts {
    const parts = this.#parts.value;
    if (parts === undefined) throw new RetryableError(`the token store at ${this.#path} is not open`);
    return parts;
  }
}

function toStored({ key: _, digest, createdAt, expiresAt, lastUsedAt, ...rest }: Token): StoredToken {
  return {
    ...rest,
    digest: Buffer.from(digest).toString('hex'),
    createdAt: createdAt.getTime(),
    ...(expiresAt !== undefined && { expiresAt: expiresAt.getTime() }),
    ...(lastUsedAt !== undefined && { lastUsedAt: lastUsedAt.getTime() }),
  };
}

function toToken(key: string, { digest, createdAt, expiresAt, lastUsedAt, ...rest }: StoredToken): Token {
  return {
    key,
    ...rest,
    digest: new Uint8Array(Buffer.from(digest, 'hex')),
    createdAt: new Date(createdAt),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt) }),
    ...(lastUsedAt !== undefined && { lastUsedAt: new Date(lastUsedAt) }),
  };
}
