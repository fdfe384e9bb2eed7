import { randomUUID } from 'node:crypto';
import type { Token } from '../../contract/token-store.js';
import type { Claim } from '../claim.js';
import { same } from '../proof.js';
import { offered } from '../subject.js';
import { expectToken, makeToken, type TokenStoreClaim } from './stage.js';
import type { TokenStoreSubject } from './subject.js';

const opening = 'open gets a store ready, close releases it, each as often as it is called';
const finding = 'find gives the token with that key exactly as it was stored, active or not, expired or not';
const digests = 'a token is stored as its digest and nothing besides what the contract lists';

/** What holds wherever the tokens come from. */
export function findingClaims(subject: TokenStoreSubject, claim: TokenStoreClaim): Claim[] {
  /** A list elsewhere need not say when a token was made. */
  const dated = offered('changes', subject.changes) !== undefined;
  const expectFound = (found: Token | undefined, token: Token) =>
    expectToken(dated || !found ? found : { ...found, createdAt: token.createdAt }, token);

  return [
    claim('opens twice, and closes twice, also when it was never opened', opening, async (stage) => {
      const store = await stage.open();
      await store.open(AbortSignal.timeout(20_000));
      await store.close();
      await store.close();
      await (await stage.make()).close();
    }),

    claim('finds nothing under a key that is not there', finding, async (stage) => {
      const store = await stage.holding(makeToken());
      same('the token of an unknown key', await store.find(randomUUID()), undefined);
    }),

    claim('gives back a token exactly as it was stored', finding, async (stage) => {
      const token = makeToken({
        description: 'Café "orders" ✓',
        pipelines: ['835212', '9007199254740991'],
        expiresAt: new Date('2031-02-03T04:05:06.789Z'),
      });
      const store = await stage.holding(token);
      expectFound(await store.find(token.key), token);
    }),

    claim(
      'keeps a digest of 32 bytes, whatever they are, and nothing else of the token',
      digests,
      async (stage) => {
        const digests = [0x00, 0xff, 0x27].map((byte) => new Uint8Array(32).fill(byte));
        const tokens = digests.map((digest) => makeToken({ digest }));
        const store = await stage.holding(...tokens);
        const known = new Set(['key', 'digest', 'description', 'active', 'createdAt']);
        for (const token of tokens) {
          const found = await store.find(token.key);
          expectFound(found, token);
          same(
            'further properties',
            Object.keys(found ?? {}).filter((name) => !known.has(name)),
            [],
          );
        }
      },
    ),

    claim('gives back a token that has expired, with its expiry', finding, async (stage) => {
      const token = makeToken({ expiresAt: new Date('2001-02-03T04:05:06.007Z') });
      const store = await stage.holding(token);
      expectFound(await store.find(token.key), token);
    }),

    claim('leaves out pipelines, expiry and last use when a token has none', finding, async (stage) => {
      const token = makeToken();
      const found = await (await stage.holding(token)).find(token.key);
      same(
        'pipelines, expiry and last use',
        [found?.pipelines, found?.expiresAt, found?.lastUsedAt],
        [undefined, undefined, undefined],
      );
    }),

    claim(
      'keeps a token limited to no pipeline apart from one that is not limited',
      finding,
      async (stage) => {
        const token = makeToken({ pipelines: [] });
        const store = await stage.holding(token);
        same('the pipelines of a token for none', (await store.find(token.key))?.pipelines, []);
      },
    ),

    claim('keeps an inactive token as inactive', finding, async (stage) => {
      const token = makeToken({ active: false });
      const store = await stage.holding(token);
      expectFound(await store.find(token.key), token);
    }),

    claim(
      'lists the tokens oldest first, whatever their keys',
      'list gives all tokens, oldest first',
      async (stage) => {
        const at = Date.now();
        const tokens = [0, 1, 2, 3].map((age) => makeToken({ createdAt: new Date(at + age) }));
        // A list elsewhere is in the order of age.
        const stored = dated ? [2, 0, 3, 1].flatMap((age) => tokens[age] ?? []) : tokens;
        const store = await stage.holding(...stored);
        const keys = tokens.map(({ key }) => key);
        const listed = (await store.list()).filter(({ key }) => keys.includes(key));
        same(
          'the listed keys',
          listed.map(({ key }) => key),
          keys,
        );
        for (const [index, token] of tokens.entries()) expectFound(listed[index], token);
      },
    ),
  ];
}
