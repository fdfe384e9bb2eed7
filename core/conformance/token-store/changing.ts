import { randomUUID } from 'node:crypto';
import { instructionOf } from '../../contract/errors.js';
import type { Claim } from '../claim.js';
import { refusedAs, same, that } from '../proof.js';
import { offered } from '../subject.js';
import { expectToken, makeToken, type TokenStoreClaim } from './stage.js';
import type { TokenStoreSubject } from './subject.js';

const creating = 'create stores a new token; one with the same key is a ConfigError, and the first one stays';
const switching =
  'setActive activates or deactivates one token, durably, and changes nothing else; an unknown key is a ConfigError';
const deleting = 'delete forgets one token, durably, and no other; an unknown key is a ConfigError';
const sharing = 'several processes use one store at once: each finds what the others have stored';
const touching =
  'touch notes when keys were last used, never turns back, makes no token, and loses no other change';
const listedElsewhere = 'a store whose tokens are listed elsewhere refuses to change them with a ConfigError';

export function changingClaims(subject: TokenStoreSubject, claim: TokenStoreClaim): Claim[] {
  if (offered('changes', subject.changes) === undefined) return refusingClaims(claim);
  return [
    claim(
      'refuses a second token under one key with a ConfigError, and keeps the first',
      creating,
      async (stage) => {
        const first = makeToken({ description: 'first' });
        const store = await stage.holding(first);
        await refusedAs('config', 'a second token', store.create(makeToken({ key: first.key })));
        expectToken(await store.find(first.key), first);
      },
    ),

    claim('lets exactly one of two simultaneous creations of a key pass', creating, async (stage) => {
      const [one, other] = [await stage.open(), await stage.open()];
      const key = randomUUID();
      const tries = await Promise.allSettled([one, other].map((store) => store.create(makeToken({ key }))));
      const outcomes = tries.map((each) =>
        each.status === 'fulfilled' ? 'created' : instructionOf(each.reason),
      );
      same('the outcomes of two creations', outcomes.sort(), ['config', 'created']);
    }),

    claim('deactivates and activates again, and changes nothing else', switching, async (stage) => {
      const token = makeToken({ pipelines: ['1'], expiresAt: new Date('2031-02-03T04:05:06.789Z') });
      const bystander = makeToken();
      const store = await stage.holding(token, bystander);
      await store.setActive(token.key, false);
      expectToken(await store.find(token.key), { ...token, active: false });
      await store.setActive(token.key, false);
      await store.setActive(token.key, true);
      expectToken(await store.find(token.key), token);
      expectToken(await store.find(bystander.key), bystander);
    }),

    claim('refuses to activate an unknown key with a ConfigError', switching, async (stage) => {
      const store = await stage.open();
      const key = randomUUID();
      for (const active of [true, false]) {
        await refusedAs('config', 'setActive of an unknown key', store.setActive(key, active));
      }
      same('the token of that key', await store.find(key), undefined);
    }),

    claim('deletes one token for every view, and no other', deleting, async (stage) => {
      const [token, bystander] = [makeToken(), makeToken()];
      const store = await stage.holding(token, bystander);
      if (store.delete === undefined) return;
      const other = await stage.open();
      await store.delete(token.key);
      same('the deleted token, in another view', await other.find(token.key), undefined);
      const keys = (await other.list()).map(({ key }) => key);
      same(
        'which of the two are listed',
        [token, bystander].map(({ key }) => keys.includes(key)),
        [false, true],
      );
      expectToken(await other.find(bystander.key), bystander);
      await refusedAs('config', 'deleting it again', store.delete(token.key));
      const again = makeToken({ key: token.key });
      await store.create(again);
      expectToken(await other.find(token.key), again);
    }),

    claim('shows what another view of the same store created or changed', sharing, async (stage) => {
      const [store, other] = [await stage.open(), await stage.open()];
      const token = makeToken();
      same('the token before', await store.find(token.key), undefined);
      await other.create(token);
      expectToken(await store.find(token.key), token);
      await other.setActive(token.key, false);
      same('active, in the one view', (await store.find(token.key))?.active, false);
      await store.setActive(token.key, true);
      same('active, in the other view', (await other.find(token.key))?.active, true);
    }),

    claim('keeps its tokens over close and open', sharing, async (stage) => {
      const token = makeToken();
      const store = await stage.holding(token);
      await store.close();
      expectToken(await (await stage.open()).find(token.key), token);
    }),

    claim(
      'notes the last use of many keys, never of an unknown one, and never turns back',
      touching,
      async (stage) => {
        const [used, idle] = [makeToken(), makeToken()];
        const store = await stage.holding(used, idle);
        if (store.touch === undefined) return;
        const at = Date.now() + 60_000;
        const unknown = randomUUID();
        await store.touch(new Map([used.key, unknown].map((key) => [key, new Date(at)])));
        await store.touch(new Map([[used.key, new Date(at - 120_000)]]));
        const seen = (await store.find(used.key))?.lastUsedAt;
        const near = Math.abs((seen?.getTime() ?? 0) - at) <= 60_000;
        that('the last use', near, `${new Date(at).toISOString()}, to a minute`, seen);
        same('the last use of a key that was not used', (await store.find(idle.key))?.lastUsedAt, undefined);
        same('the token of an unknown key', await store.find(unknown), undefined);
      },
    ),

    claim('notes a last use and loses no deactivation at the same time', touching, async (stage) => {
      const token = makeToken();
      const [store, other] = [await stage.holding(token), await stage.open()];
      const uses = new Map([[token.key, new Date()]]);
      await Promise.all([other.setActive(token.key, false), store.touch?.(uses), other.touch?.(uses)]);
      same('active', (await store.find(token.key))?.active, false);
    }),
  ];
}

function refusingClaims(claim: TokenStoreClaim): Claim[] {
  return [
    claim('refuses to create and to change with a ConfigError', listedElsewhere, async (stage) => {
      const token = makeToken();
      const store = await stage.holding(token);
      await refusedAs('config', 'creating a token', store.create(makeToken()));
      await refusedAs('config', 'deactivating a token', store.setActive(token.key, false));
      if (store.delete !== undefined) await refusedAs('config', 'deleting a token', store.delete(token.key));
      same('active', (await store.find(token.key))?.active, true);
    }),
  ];
}
