import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { starter } from '../../config/starter.js';
import { builtins } from '../../connectors/index.js';
import { Registry } from '../../core/host/registry.js';

const folder = join(import.meta.dirname, '../../../config');
const url = 'postgres://hookline:secret@localhost:5432/warehouse?sslmode=verify-full';

async function load(text: string, env: NodeJS.ProcessEnv = {}): Promise<Config> {
  return await loadConfig(join(folder, 'example.yaml'), new Registry(builtins), { text, env });
}

const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('the example files, with the real connectors', () => {
  it('example.yaml loads', async () => {
    const config = await load(read('example.yaml'), { DATABASE_URL: url });
    expect([...config.pipelines.keys()]).to.deep.equal(['835212', '835213']);
    expect(config.pipelines.get('835213')).to.deep.include({
      destinations: ['warehouse', 'local'],
      paused: true,
    });
  });

  it('quickstart.yaml loads, and keeps its data beside config/', async () => {
    const config = await load(read('quickstart.yaml'));
    expect(config.spool.options).to.have.property('path', join(folder, '../data/spool'));
    expect(config.pipelines.get('835212')).to.include({ name: 'Quickstart', table: 'quickstart' });
  });

  it('production.yaml loads', async () => {
    // Its secrets are files of the machine it runs on; here they come from the environment.
    const text = read('production.yaml')
      .replace('file:/run/secrets/hookline_admin_token', 'TOKEN')
      .replace('file:/run/secrets/database_url', 'DATABASE_URL');
    const config = await load(text, { TOKEN: 'x'.repeat(32), DATABASE_URL: url, PORT: '9000' });
    expect(config.server.webhooks).to.include({ workers: 2, port: 9000 });
    expect(config.server.admin.token).to.have.lengthOf(32);
  });

  it('the starter loads as it is, with DuckDB and pipeline 835212', async () => {
    const config = await load(starter);
    expect([...config.destinations.values()].map(({ plugin }) => plugin.name)).to.deep.equal(['duckdb']);
    expect([...config.pipelines.keys()]).to.deep.equal(['835212']);
  });

  it('the starter names the true defaults: it says the same with every line uncommented', async () => {
    const all = starter
      .replaceAll(/^( *)# ((?:[a-z][A-Za-z]*:| {2,}[a-zA-Z]+:).*)$/gm, '$1$2')
      .replaceAll(/^.*(?:publicUrl|token|signature): .*$/gm, '');
    const [plain, full] = [await load(starter), await load(all, { DATABASE_URL: url })];
    expect(full.server).to.deep.equal(plain.server);
    expect(full.spool.options).to.deep.equal(plain.spool.options);
    expect(full.tokens.options).to.deep.equal(plain.tokens.options);
    expect(full.destinations.get('local')?.policy).to.deep.equal(plain.destinations.get('local')?.policy);
    expect(full.pipelines).to.deep.equal(plain.pipelines);
    expect(full.destinations.has('warehouse')).to.equal(true);
  });
});
