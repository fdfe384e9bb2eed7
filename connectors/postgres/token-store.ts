import { ConfigError, type Logger, RetryableError, type Token, type TokenStore } from '../../core/index.js';
import { Connections } from './connections.js';
import { type ConnectionOptions, warningsOf } from './options.js';
import { Schema } from './schema.js';
import type { Expected } from './shape.js';

export interface PostgresTokenStoreOptions extends ConnectionOptions {
  readonly table: string;
}

const columns: readonly Expected[] = [
  { name: 'key', types: ['text', 'character varying'] },
  { name: 'digest', types: ['bytea'] },
  { name: 'description', types: ['text', 'character varying'] },
  { name: 'active', types: ['boolean'] },
  { name: 'pipelines', types: ['text[]'] },
  { name: 'created_at', types: ['timestamp with time zone'] },
  { name: 'expires_at', types: ['timestamp with time zone'] },
  { name: 'last_used_at', types: ['timestamp with time zone'] },
];

const definition = `
  key pg_catalog.text PRIMARY KEY,
  digest pg_catalog.bytea NOT NULL,
  description pg_catalog.text NOT NULL,
  active boolean NOT NULL,
  pipelines pg_catalog.text[],
  created_at pg_catalog.timestamptz NOT NULL,
  expires_at pg_catalog.timestamptz,
  last_used_at pg_catalog.timestamptz`;

/** Times as one text, whatever DateStyle and TimeZone the role has. */
const time = (column: string) =>
  `pg_catalog.to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${column}`;
const selected = ['key', 'digest', 'description', 'active', 'pipelines']
  .concat(['created_at', 'expires_at', 'last_used_at'].map(time))
  .join(', ');

interface TokenRow {
  readonly key: string;
  readonly digest: Buffer;
  readonly description: string;
  readonly active: boolean;
  readonly pipelines: string[] | null;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
}

/** No call waits longer: the load path asks again later, and the requests wait in the spool. */
const timeout = 15_000;

/** Tokens in a table, so that several machines share them. */
export class PostgresTokenStore implements TokenStore {
  readonly #logger: Logger;
  /** Of its options, until they are said. */
  readonly #warnings: string[];
  readonly #connections: Connections;
  readonly #schema: Schema;
  readonly #name: string;

  constructor(options: PostgresTokenStoreOptions, logger: Logger) {
    this.#logger = logger;
    this.#warnings = warningsOf(options);
    this.#connections = new Connections(options);
    this.#schema = new Schema(options.schema);
    this.#name = options.table;
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#connections.open();
    for (const line of this.#warnings.splice(0)) this.#logger.warn({}, line);
    await this.#connections.use('opening the token store', signal, async (client) => {
      await this.#schema.check(client);
      await this.#schema.ensure(client, this.#name, columns, definition);
    });
  }

  async find(key: string): Promise<Token | undefined> {
    const [row] = await this.#query(
      'finding a token in the token store',
      `SELECT ${selected} FROM ${this.#table} WHERE key = $1`,
      [key],
    );
    return row === undefined ? undefined : toToken(row);
  }

  async create(token: Token): Promise<void> {
    const { key, digest, description, active, pipelines, createdAt, expiresAt, lastUsedAt } = token;
    const inserted = await this.#change(
      'creating a token',
      `INSERT INTO ${this.#table}
         (key, digest, description, active, pipelines, created_at, expires_at, last_used_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key) DO NOTHING RETURNING key`,
      [key, Buffer.from(digest), description, active, pipelines, createdAt, expiresAt, lastUsedAt],
    );
    if (inserted.length === 0) {
      throw new ConfigError(`there is a token with the key ${key} already`);
    }
  }

  async list(): Promise<Token[]> {
    const rows = await this.#query(
      'listing tokens',
      `SELECT ${selected} FROM ${this.#table} AS t ORDER BY t.created_at, key`,
    );
    return rows.map(toToken);
  }

  async setActive(key: string, active: boolean): Promise<void> {
    const updated = await this.#change(
      'changing a token',
      `UPDATE ${this.#table} SET active = $2 WHERE key = $1 RETURNING key`,
      [key, active],
    );
    if (updated.length === 0) throw new ConfigError(`there is no token with the key ${key}`);
  }

  async delete(key: string): Promise<void> {
    const deleted = await this.#change(
      'deleting a token',
      `DELETE FROM ${this.#table} WHERE key = $1 RETURNING *`,
      [key],
    );
    if (deleted.length === 0) throw new ConfigError(`there is no token with the key ${key}`);
  }

  async touch(uses: ReadonlyMap<string, Date>): Promise<void> {
    await this.#query(
      'noting uses',
      `UPDATE ${this.#table} AS t SET last_used_at = GREATEST(t.last_used_at, u.at)
         FROM (SELECT pg_catalog.unnest($1::pg_catalog.text[]) AS key,
                      pg_catalog.unnest($2::pg_catalog.timestamptz[]) AS at) AS u WHERE t.key = u.key`,
      [[...uses.keys()], [...uses.values()]],
    );
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #query(doing: string, sql: string, values: readonly unknown[] = []): Promise<TokenRow[]> {
    return await this.#limited(doing, (signal) =>
      this.#connections.use(doing, signal, async (client) => {
        return (await client.query<TokenRow>(sql, [...values])).rows;
      }),
    );
  }

  /** In a transaction of our settings: a token that was shown is not lost by a crash. */
  async #change(doing: string, sql: string, values: readonly unknown[]): Promise<TokenRow[]> {
    return await this.#limited(doing, (signal) =>
      this.#connections.transact(doing, signal, async (client) => {
        return (await client.query<TokenRow>(sql, [...values])).rows;
      }),
    );
  }

  async #limited<T>(doing: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(timeout);
    try {
      return await call(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new RetryableError(`${doing}: no answer in ${timeout / 1000} s`, {
        cause: error,
      });
    }
  }

  get #table(): string {
    return this.#schema.quote(this.#name);
  }
}

function toToken(row: TokenRow): Token {
  return {
    key: row.key,
    digest: new Uint8Array(row.digest),
    description: row.description,
    active: row.active,
    ...(row.pipelines === null ? {} : { pipelines: row.pipelines }),
    createdAt: new Date(row.created_at),
    ...(row.expires_at === null ? {} : { expiresAt: new Date(row.expires_at) }),
    ...(row.last_used_at === null ? {} : { lastUsedAt: new Date(row.last_used_at) }),
  };
}
