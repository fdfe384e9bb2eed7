import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import plugins from '../../../connectors/postgres/index.js';
import { instructionOf, type TokenStore } from '../../../core/index.js';
import { instruction, refused } from '../../conformance/destination.js';
import { tokenStoreClaims } from '../../conformance/token-store.js';
import { instantiate, pluginOf } from '../../support/instantiate.js';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';

const plugin = pluginOf(plugins, 'token-store', 'postgres');
const never = new AbortController().signal;

describe('the postgres token store', () => {
  let server: TestPostgres;
  let url: string;
  const make = (options: object = {}): TokenStore => instantiate(plugin, { url, ...options }, 'tokens');

  before(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
  });
  after(() => server.destroy());

  for (const claim of tokenStoreClaims(() => make())) it(claim.name, () => claim.run());

  it('makes its table once when several open at once', async () => {
    const stores = Array.from({ length: 4 }, () => make({ table: 'made at once' }));
    await Promise.all(stores.map((store) => store.open(never)));
    for (const store of stores) await store.close();
  });

  it('refuses a table of another shape with a ConfigError', async () => {
    await server.sql(url, 'CREATE TABLE other (key text)');
    const store = make({ table: 'other' });
    const error = (await refused(store.open(never))) as Error;
    expect(instructionOf(error)).to.equal('config');
    expect(error.message).to.include('tokens').and.to.include('digest is missing');
    await store.close();
  });

  it('calls a server that is away retryable, and recovers', async () => {
    const store = make();
    await store.open(never);
    const token = {
      key: randomUUID(),
      digest: randomBytes(32),
      description: 'shop',
      active: true,
      createdAt: new Date(),
    };
    await store.create(token);
    await server.stop();
    expect(await instruction(store.find(token.key))).to.equal('retry');
    expect(await instruction(store.find(token.key))).to.equal('retry');
    await server.start();
    expect((await store.find(token.key))?.description).to.equal('shop');
    await store.close();
  });
});
