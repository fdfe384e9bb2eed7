/** An access token as it is stored: its digest, never the token itself. */
export interface Token {
  /** The token's key, like a user name: a UUID in lower case. */
  readonly key: string;
  /** SHA-256 of the token's characters; 32 bytes. */
  readonly digest: Uint8Array;
  /** What it is for: one token for each application. */
  readonly description: string;
  readonly active: boolean;
  /** The pipelines that it may post to; absent means all of them. */
  readonly pipelines?: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt?: Date;
  /** To about a minute; absent when it was never used. */
  readonly lastUsedAt?: Date;
}

/**
 * Where access tokens live. Building one does no I/O; `open` does. Several processes use one store at
 * once: the load role finds, the CLI creates and lists. A store that cannot answer now throws
 * `RetryableError`: a token that cannot be checked is not a wrong token, so the request waits.
 */
export interface TokenStore {
  /** Get ready to be used; makes its own table or folder if there is none. */
  open(signal: AbortSignal): Promise<void>;
  /** The token with that key (a UUID in lower case), active or not. The only method on the load path. */
  find(key: string): Promise<Token | undefined>;
  /** Store a new token. One with the same key is a `ConfigError`. */
  create(token: Token): Promise<void>;
  /** All tokens, oldest first. */
  list(): Promise<Token[]>;
  /** Activate or deactivate; durable on return. An unknown key is a `ConfigError`. */
  setActive(key: string, active: boolean): Promise<void>;
  /**
   * Optional: forget a token; durable on return. An unknown key is a `ConfigError`. What was posted with it, and is not
   * authenticated yet, is discarded.
   */
  delete?(key: string): Promise<void>;
  /** Optional: note when these keys were last used. Called at most once a second; best effort. */
  touch?(uses: ReadonlyMap<string, Date>): Promise<void>;
  close(): Promise<void>;
}
