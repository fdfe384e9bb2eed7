import { createHash, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { instructionOf, type Token, type TokenStore } from '../../core/index.js';
import type { Claim } from './claim.js';

/** Makes another view of one and the same store: another process would have one like it. Not opened yet. */
export type TokenStoreMaker = () => Promise<TokenStore> | TokenStore;

/**
 * What every token store that can create must hold to. `make` is called several times for one claim when
 * it needs two views of the same tokens; between claims the store may keep its tokens or lose them, as
 * each claim uses keys of its own.
 */
export function tokenStoreClaims(make: TokenStoreMaker): Claim[] {
  const claim = (
    name: string,
    prove: (store: TokenStore, open: () => Promise<TokenStore>) => Promise<void>,
  ) => ({
    name,
    run: async () => {
      const opened: TokenStore[] = [];
      const open = async () => {
        const store = await make();
        opened.push(store);
        await store.open(AbortSignal.timeout(20_000));
        return store;
      };
      try {
        await prove(await open(), open);
      } finally {
        for (const store of opened.reverse()) await store.close();
      }
    },
  });

  return [
    claim('finds nothing under a key that was never created', async (store) => {
      expect(await store.find(randomUUID())).to.equal(undefined);
    }),

    claim('gives back a token exactly as it was created', async (store) => {
      const token = makeToken({
        description: 'Café "orders" ✓',
        pipelines: ['835212', '9007199254740991'],
        expiresAt: new Date('2031-02-03T04:05:06.789Z'),
      });
      await store.create(token);
      expectSame(await store.find(token.key), token);
    }),

    claim('leaves out pipelines, expiry and last use when a token has none', async (store) => {
      const token = makeToken();
      await store.create(token);
      const found = await store.find(token.key);
      expectSame(found, token);
      expect(found?.pipelines).to.equal(undefined);
      expect(found?.expiresAt).to.equal(undefined);
      expect(found?.lastUsedAt).to.equal(undefined);
    }),

    claim('keeps a token limited to no pipeline apart from one that is not limited', async (store) => {
      const token = makeToken({ pipelines: [] });
      await store.create(token);
      expect((await store.find(token.key))?.pipelines).to.deep.equal([]);
    }),

    claim('creates an inactive token as inactive', async (store) => {
      const token = makeToken({ active: false });
      await store.create(token);
      expect((await store.find(token.key))?.active).to.equal(false);
    }),

    claim('refuses a second token under one key with a ConfigError, and keeps the first', async (store) => {
      const first = makeToken({ description: 'first' });
      await store.create(first);
      expect(await instructionFrom(store.create(makeToken({ key: first.key })))).to.equal('config');
      expectSame(await store.find(first.key), first);
    }),

    claim('lets exactly one of two simultaneous creations of a key pass', async (store, open) => {
      const other = await open();
      const key = randomUUID();
      const tries = await Promise.allSettled([
        store.create(makeToken({ key })),
        other.create(makeToken({ key })),
      ]);
      expect(tries.filter((result) => result.status === 'fulfilled')).to.have.length(1);
      const refused = tries.find((result) => result.status === 'rejected');
      expect(instructionOf(refused?.reason)).to.equal('config');
    }),

    claim('deactivates and activates again, and changes nothing else', async (store) => {
      const token = makeToken({ pipelines: ['1'] });
      await store.create(token);
      await store.setActive(token.key, false);
      expectSame(await store.find(token.key), { ...token, active: false });
      await store.setActive(token.key, false);
      await store.setActive(token.key, true);
      expectSame(await store.find(token.key), token);
    }),

    claim('refuses to activate an unknown key with a ConfigError', async (store) => {
      const key = randomUUID();
      expect(await instructionFrom(store.setActive(key, true))).to.equal('config');
      expect(await store.find(key)).to.equal(undefined);
    }),

    claim('lists the tokens oldest first, whatever their keys', async (store) => {
      const at = Date.now();
      const tokens = [2, 0, 3, 1].map((age) => makeToken({ createdAt: new Date(at + age) }));
      for (const token of tokens) await store.create(token);
      const keys = tokens.map((token) => token.key);
      const listed = (await store.list()).filter((token) => keys.includes(token.key));
      const expected = [1, 3, 0, 2].map((index) => tokens[index]);
      expect(listed.map((token) => token.key)).to.deep.equal(expected.map((token) => token?.key));
      expectSame(listed[0], expected[0]);
    }),

    claim('shows what another view of the same store created or changed', async (store, open) => {
      const other = await open();
      const token = makeToken();
      expect(await store.find(token.key)).to.equal(undefined);
      await other.create(token);
      expectSame(await store.find(token.key), token);
      await other.setActive(token.key, false);
      expect((await store.find(token.key))?.active).to.equal(false);
      await store.setActive(token.key, true);
      expect((await other.find(token.key))?.active).to.equal(true);
    }),

    claim('keeps its tokens over close and open', async (store, open) => {
      const token = makeToken();
      await store.create(token);
      await store.close();
      expectSame(await (await open()).find(token.key), token);
    }),

    claim('notes the last use of many keys, never of an unknown one, and never turns back', async (store) => {
      if (store.touch === undefined) return;
      const [used, idle] = [makeToken(), makeToken()];
      await store.create(used);
      await store.create(idle);
      const at = new Date(Date.now() + 60_000);
      const unknown = randomUUID();
      await store.touch(new Map([used.key, unknown].map((key) => [key, at])));
      await store.touch(new Map([[used.key, new Date(at.getTime() - 120_000)]]));
      const seen = (await store.find(used.key))?.lastUsedAt?.getTime() ?? 0;
      expect(Math.abs(seen - at.getTime())).to.be.at.most(60_000);
      expect((await store.find(idle.key))?.lastUsedAt).to.equal(undefined);
      expect(await store.find(unknown)).to.equal(undefined);
    }),

    claim('notes a last use and loses no deactivation at the same time', async (store, open) => {
      const other = await open();
      const token = makeToken();
      await store.create(token);
      const uses = new Map([[token.key, new Date()]]);
      await Promise.all([other.setActive(token.key, false), store.touch?.(uses), other.touch?.(uses)]);
      expect((await store.find(token.key))?.active).to.equal(false);
    }),

    claim('can be closed twice, and after an open that never was', async (store) => {
      await store.close();
      await store.close();
      const unopened = await make();
      await unopened.close();
    }),
  ];
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

function expectSame(found: Token | undefined, token: Token | undefined): void {
  expect(found && { ...found, digest: Buffer.from(found.digest).toString('hex') }).to.deep.equal(
    token && { ...token, digest: Buffer.from(token.digest).toString('hex') },
  );
  expect(found?.digest).to.be.instanceOf(Uint8Array);
}

/** The instruction that a rejection carries; `none` when it did not reject. */
async function instructionFrom(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => 'none',
    (error: unknown) => instructionOf(error),
  );
}
