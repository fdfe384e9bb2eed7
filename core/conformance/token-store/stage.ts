import { createHash, randomUUID } from 'node:crypto';
import type { Token, TokenStore } from '../../contract/token-store.js';
import { type Claim, makeClaim } from '../claim.js';
import { same, that } from '../proof.js';
import { offered } from '../subject.js';
import type { TokenStoreSubject } from './subject.js';

/** The views that one claim has opened. */
export interface Stage {
  /** Opens a further view of the storage. */
  open(): Promise<TokenStore>;
  /** Opens a view that holds these tokens. */
  holding(...tokens: Token[]): Promise<TokenStore>;
  /** A view, not opened, that is closed when the claim is done. */
  make(from?: () => TokenStore | Promise<TokenStore>): Promise<TokenStore>;
}

export type TokenStoreClaim = (
  name: string,
  obligation: string,
  prove: (stage: Stage) => Promise<void>,
) => Claim;

export function tokenStoreStages(subject: TokenStoreSubject): TokenStoreClaim {
  return (name, obligation, prove) =>
    makeClaim(name, obligation, async () => {
      const made: TokenStore[] = [];
      const make = async (from = () => subject.make([])) => {
        const store = await from();
        made.push(store);
        return store;
      };
      const open = async (from?: () => TokenStore | Promise<TokenStore>) => {
        const store = await make(from);
        await store.open(AbortSignal.timeout(20_000));
        return store;
      };
      const holding = async (...tokens: Token[]) => {
        if (offered('changes', subject.changes) === undefined) return await open(() => subject.make(tokens));
        const store = await open();
        for (const token of tokens) await store.create(token);
        return store;
      };
      try {
        await prove({ open: () => open(), holding, make });
      } finally {
        for (const store of made.reverse()) await store.close();
      }
    });
}

export function makeToken(over: Partial<Token> = {}): Token {
  return {
    key: randomUUID(),
    digest: new Uint8Array(createHash('sha256').update(randomUUID()).digest()),
    description: 'conformance',
    active: true,
    createdAt: new Date(),
    ...over,
  };
}

export function expectToken(found: Token | undefined, expected: Token): void {
  same('the token', found && comparable(found), comparable(expected));
  that('the digest', found?.digest instanceof Uint8Array, 'a Uint8Array', typeof found?.digest);
}

function comparable({ digest, ...rest }: Token): object {
  return { ...rest, digest: Buffer.from(digest).toString('hex') };
}
