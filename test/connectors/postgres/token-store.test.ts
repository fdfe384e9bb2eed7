import { expect } from 'chai';
import plugins from '../../../connectors/postgres/index.js';
import {
  instantiate,
  never,
  pluginOf,
  refused,
  tokenStoreClaims,
  type UrlParts,
  urlWith,
} from '../../../core/conformance/index.js';
import { instructionOf, type TokenStore } from '../../../core/index.js';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';

const plugin = pluginOf(plugins, 'token-store', 'postgres');

describe('the postgres token store', () => {
  let server: TestPostgres;
  let url: string;
  const make = (options: object = {}): TokenStore => instantiate(plugin, { url, ...options }, 'tokens');

  before(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
  });
  after(() => server.destroy());

  const at = (parts: UrlParts) => make({ url: urlWith(url, parts), schema: 'guarded' });
  const claims = tokenStoreClaims({
    make: () => make(),
    changes: 'by create and setActive',
    misconfigured: {
      'wrong credentials': () => at({ password: 'not-the-password' }),
      'missing database': () => at({ pathname: '/nowhere' }),
      'missing grant': async () => {
        await server.sql(url, "CREATE ROLE clerk LOGIN PASSWORD 'clerk-password'; CREATE SCHEMA guarded");
        return at({ username: 'clerk', password: 'clerk-password' });
      },
    },
    outage: { begin: () => server.stop(), end: () => server.start() },
    secrets: () => [server.password, 'not-the-password', 'clerk-password'],
  });
  for (const claim of claims) it(claim.name, claim.run);

  it('makes its table once when several open at once', async () => {
    const stores = Array.from({ length: 4 }, () => make({ table: 'made at once' }));
    await Promise.all(stores.map((store) => store.open(never)));
    for (const store of stores) await store.close();
  });

  it('refuses a table of another shape with a ConfigError', async () => {
    await server.sql(url, 'CREATE TABLE other (key text)');
    const store = make({ table: 'other' });
    const error = await refused(store.open(never));
    expect(instructionOf(error)).to.equal('config');
    expect(error.message).to.include('tokens').and.to.include('digest is missing');
    await store.close();
  });
});
