import type { Token, TokenStore } from '../../core/contract/token-store.js';

/** A fake: tokens in memory, and a store that can be out of order. */
export class ScriptedTokens implements TokenStore {
  readonly tokens = new Map<string, Token>();
  readonly touched = new Map<string, Date>();
  /** How often `find` was called. */
  finds = 0;
  /** What `open` and `find` throw for now. */
  fault: Error | undefined;

  async open(): Promise<void> {
    if (this.fault !== undefined) throw this.fault;
  }

  async find(key: string): Promise<Token | undefined> {
    this.finds++;
    if (this.fault !== undefined) throw this.fault;
    return this.tokens.get(key);
  }

  async create(token: Token): Promise<void> {
    this.tokens.set(token.key, token);
  }

  async list(): Promise<Token[]> {
    return [...this.tokens.values()];
  }

  async setActive(key: string, active: boolean): Promise<void> {
    const token = this.tokens.get(key);
    if (token !== undefined) this.tokens.set(key, { ...token, active });
  }

  async touch(uses: ReadonlyMap<string, Date>): Promise<void> {
    for (const [key, at] of uses) this.touched.set(key, at);
  }

  async close(): Promise<void> {}
}
