import { expect } from 'chai';
import type { StoredRecord } from '../../../core/contract/spool.js';
import { Authenticator } from '../../../core/delivery/authenticator.js';
import { mint } from '../../../core/operations/mint.js';
import { eventually } from '../../support/hookline.js';
import { ScriptedTokens } from '../../support/scripted-tokens.js';

describe('the last use of a token', () => {
  const tokens = new ScriptedTokens();
  const authenticator = new Authenticator(tokens);
  const [one, other] = [mint({ description: 'one' }).stored, mint({ description: 'other' }).stored];
  const use = ({ key, digest }: { readonly key: string; readonly digest: Uint8Array }) => {
    const record = { key, tokenDigest: digest, authenticated: false } as StoredRecord;
    return authenticator.judge('1', [record], new AbortController().signal);
  };
  const noted = (key: string) => eventually('it is noted', async () => tokens.touched.get(key));

  before(async () => {
    await tokens.create(one);
    await tokens.create(other);
  });

  it('is noted when it is the first, and not at every further one, but at the end', async () => {
    await use(one);
    const first = await noted(one.key);
    await new Promise((resolve) => setTimeout(resolve, 2));
    await use(one);
    // The other's first use brings along what is known of all.
    expect(tokens.touched.get(one.key)).to.equal(first);
    await use(other);
    await noted(other.key);
    await use(one);
    await authenticator.finish();
    expect(tokens.touched.get(one.key)).to.be.greaterThan(first);
  });
});
