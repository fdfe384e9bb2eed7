import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Item, takeInventory } from '../../config/inventory.js';
import { optionsOf, sectionOptions } from '../../config/reference.js';
import { referencePage } from '../../config/reference-page.js';
import { builtins } from '../../connectors/index.js';
import { Registry } from '../../core/host/registry.js';

describe('the reference', () => {
  let items: readonly Item[];

  before(async () => {
    items = await takeInventory(new Registry(builtins));
  });

  it('in the repository is what `npm run reference` writes', () => {
    const file = join(import.meta.dirname, '../../../config/REFERENCE.md');
    expect(readFileSync(file, 'utf8')).to.equal(referencePage(items));
  });

  it('says what every option of every built-in means', () => {
    const options = (['server', 'plugins', 'pipelines', 'discards', 'receipts'] as const).flatMap(
      sectionOptions,
    );
    for (const { name, meaning } of [...options, ...items.flatMap(optionsOf)]) {
      expect(meaning, name).to.match(/\S/);
    }
  });

  it('gives defaults as one writes them, by destination', () => {
    const defaults = items
      .filter(({ kind }) => kind === 'destination')
      .map((item) => [item.name, optionsOf(item).find(({ name }) => name === 'concurrency')?.default]);
    expect(defaults).to.deep.equal([
      ['bigquery', '4'],
      ['clickhouse', '2'],
      ['duckdb', '1'],
      ['memory', '2'],
      ['mysql', '2'],
      ['parquet', '2'],
      ['postgres', '2'],
      ['snowflake', '2'],
    ]);
    expect(sectionOptions('server').find(({ name }) => name === 'server.grace')?.default).to.equal('30s');
  });

  it('marks as secret what is masked', () => {
    const postgres = items.find(({ kind, name }) => kind === 'destination' && name === 'postgres');
    const secret = postgres && optionsOf(postgres).filter((option) => option.secret);
    expect(secret?.map(({ name }) => name)).to.deep.equal(['url', 'password', 'ssl.key']);
  });
});
