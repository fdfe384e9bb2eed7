import type { TokenStore } from '../core/contract/token-store.js';

/** Removes those of a description, by which Hookline mints its own, that are of no use any more. */
export async function removeExpired(store: TokenStore, description: string): Promise<void> {
  const now = new Date();
  for (const token of await store.list()) {
    if (token.description !== description || token.expiresAt === undefined || token.expiresAt >= now)
      continue;
    await store.delete?.(token.key);
  }
}
