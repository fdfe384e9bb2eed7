import type { Claim } from '../claim.js';
import { refused, refusedAs, retrying } from '../proof.js';
import { expectDiscreet } from '../secrets.js';
import { misconfigurations, misconfiguredBy, offered } from '../subject.js';
import { expectToken, makeToken, type TokenStoreClaim } from './stage.js';
import type { TokenStoreSubject } from './subject.js';

const halting = 'a set-up that is at fault is a ConfigError when the store is opened';
const waiting =
  'a store that cannot answer now throws RetryableError, as its tokens are not wrong; it goes on without being opened again';
const discreet = 'no error shows a secret';

export function failureClaims(subject: TokenStoreSubject, claim: TokenStoreClaim): Claim[] {
  const claims = misconfigurations.flatMap((kind) => {
    const make = misconfiguredBy(subject, kind);
    if (make === undefined) return [];
    return [
      claim(`calls a set-up with ${kind} a ConfigError`, halting, async (stage) => {
        const store = await stage.make(make);
        const opening = store.open(AbortSignal.timeout(20_000));
        expectDiscreet([await refusedAs('config', 'opening it', opening)], subject.secrets());
      }),
    ];
  });
  const outage = offered('outage', subject.outage);
  if (outage === undefined) return claims;
  return [
    ...claims,
    claim(
      'calls a cut connection retryable, and recovers without being opened again',
      waiting,
      async (stage) => {
        const token = makeToken();
        const store = await stage.holding(token);
        await outage.begin();
        try {
          for (let n = 0; n < 2; n++) await refusedAs('retry', 'a find in the outage', store.find(token.key));
        } finally {
          await outage.end();
        }
        expectToken(await retrying(() => store.find(token.key)), token);
      },
    ),
    claim('shows no secret in an error of an outage', discreet, async (stage) => {
      const store = await stage.open();
      await outage.begin();
      try {
        expectDiscreet([await refused(store.find(makeToken().key))], subject.secrets());
      } finally {
        await outage.end();
      }
    }),
  ];
}
