import { expect } from 'chai';
import plugins from '../../../connectors/static/index.js';
import { absent, refused, tokenStoreClaims } from '../../../core/conformance/index.js';
import { instructionOf, messageOf, type TokenStore } from '../../../core/index.js';

const key = '0f8fad5b-d9cb-469f-a165-70867728950e';
const sha256 = 'ab'.repeat(32);

describe('the static token store', () => {
  const [plugin] = plugins;
  const parse = (tokens: unknown[]) => plugin?.config.safeParse({ tokens });
  const make = (tokens: unknown[]): TokenStore =>
    plugin?.create(plugin.config.parse({ tokens }), () => {
      throw new Error('it needs nothing');
    }) as TokenStore;

  const claims = tokenStoreClaims({
    make: (held) =>
      make(
        held.map(({ key, digest, description, active, pipelines, expiresAt }) => ({
          key,
          sha256: Buffer.from(digest).toString('hex'),
          description,
          active,
          pipelines,
          expires: expiresAt?.toISOString(),
        })),
      ),
    changes: absent('the tokens are listed in the YAML'),
    misconfigured: absent('it needs no set-up'),
    outage: absent('there is no connection to cut'),
    secrets: () => [],
  });
  for (const claim of claims) it(claim.name, claim.run);

  it('finds a token that the YAML lists, active and for all pipelines unless it says otherwise', async () => {
    const store = make([{ key: key.toUpperCase(), sha256: sha256.toUpperCase() }]);
    await store.open(AbortSignal.timeout(1000));
    const token = await store.find(key);
    expect(token).to.include({ key, active: true, description: '' });
    expect(Buffer.from(token?.digest ?? []).toString('hex')).to.equal(sha256);
    expect(token?.pipelines).to.equal(undefined);
    expect(token?.expiresAt).to.equal(undefined);
    expect(await store.find('0f8fad5b-d9cb-469f-a165-70867728950f')).to.equal(undefined);
    await store.close();
  });

  it('takes pipelines as numbers or text, an expiry date, a description and active', async () => {
    const store = make([
      { key, sha256, description: 'orders', pipelines: [835212, '7'], active: false, expires: '2031-02-03' },
    ]);
    const token = await store.find(key);
    expect(token).to.deep.include({ description: 'orders', pipelines: ['835212', '7'], active: false });
    expect(token?.expiresAt?.toISOString()).to.equal('2031-02-03T00:00:00.000Z');
    expect(await store.list()).to.have.length(1);
  });

  it('refuses what is not of its form, and a key that is listed twice', () => {
    for (const bad of [
      { key: 'nonsense', sha256 },
      { key, sha256: 'ab' },
      { key, sha256, pipelines: ['01'] },
      { key, sha256, pipelines: [0] },
      { key, sha256, expires: 'tomorrow' },
      { key, sha256, token: 'secret' },
    ]) {
      expect(parse([bad])?.success, JSON.stringify(bad)).to.equal(false);
    }
    expect(
      parse([
        { key, sha256 },
        { key: key.toUpperCase(), sha256 },
      ])?.error?.message,
    ).to.include('listed twice');
  });

  it('says that a token is created and changed in the YAML', async () => {
    const store = make([{ key, sha256 }]);
    const refusals = [
      store.create({ key, digest: new Uint8Array(32), description: '', active: true, createdAt: new Date() }),
      store.setActive(key, false),
      store.delete?.(key),
    ];
    for (const refusal of refusals) {
      const error = await refused(refusal);
      expect(instructionOf(error)).to.equal('config');
      expect(messageOf(error)).to.include('YAML');
    }
  });
});
