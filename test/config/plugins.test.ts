import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { loadConfig } from '../../config/load.js';
import { renderProblem } from '../../config/problem.js';
import { fakeRegistry, problemsIn } from './fixture.js';

const core = pathToFileURL(join(import.meta.dirname, '../../core/index.js')).href;
const zod = import.meta.resolve('zod');
const source = (name: string): string => `
  import { definePlugin } from '${core}';
  import { z } from '${zod}';
  export default definePlugin({ kind: 'destination', name: '${name}', config: z.object({ n: z.int() }), create() {} });`;

describe('plugins', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  };
  const said = async (text: string): Promise<string[]> => {
    const problems = await problemsIn(join(folder, 'hookline.yaml'), fakeRegistry(), { text, env: {} });
    return problems.map((problem) =>
      renderProblem(problem).replaceAll(folder, '.').replace('./hookline.yaml:', ''),
    );
  };

  it('may be a file beside the YAML', async () => {
    await write('mine.mjs', source('mine'));
    expect(await said('plugins: [ ./mine.mjs ]\ndestinations: { m: { type: mine, n: 1 } }')).to.deep.equal(
      [],
    );
  });

  it('may be an npm package as the folder of the YAML sees it, also one for import only', async () => {
    await write('node_modules/one/package.json', '{ "main": "main.mjs" }');
    await write('node_modules/one/main.mjs', source('one'));
    await write(
      'node_modules/@a/two/package.json',
      '{ "exports": { ".": { "types": "./t", "import": "./m.mjs" } } }',
    );
    await write(
      'node_modules/@a/two/m.mjs',
      `${source('two').replace('default', 'const p =')}; export default [p];`,
    );
    const text =
      'plugins: [ one, "@a/two" ]\ndestinations: { m: { type: one, n: 1 }, o: { type: two, n: x } }';
    expect(await said(text)).to.deep.equal(['2:60  destinations.o.n: expected a whole number, got "x"']);
  });

  it('can be loaded again into the same registry', async () => {
    await write('mine.mjs', source('again'));
    const registry = fakeRegistry();
    for (const _ of [1, 2])
      await loadConfig(join(folder, 'h.yaml'), registry, { text: 'plugins: [ ./mine.mjs ]' });
    expect(registry.has('destination', 'again')).to.equal(true);
  });

  it('that cannot be loaded are a problem each, and not a second one where their type is used', async () => {
    await write('throws.mjs', 'throw new Error("no\\nluck")');
    await write('empty.mjs', 'export const a = 1');
    await write('clash.mjs', source('duckdb'));
    const text =
      'plugins:\n  - ./none.mjs\n  - ./throws.mjs\n  - ./empty.mjs\n  - ./clash.mjs\n  - hookline-nowhere\ndestinations: { c: { type: clickhouse } }';
    const lines = await said(text);
    expect(lines).to.have.lengthOf(5);
    expect(lines[0]).to.match(
      /^2:5 {2}plugins\[0\]: cannot load the plugin \.\/none\.mjs: Cannot find module/,
    );
    expect(lines[1]).to.equal('3:5  plugins[1]: cannot load the plugin ./throws.mjs: no luck');
    expect(lines[2]).to.match(/^4:5 .*: its default export is no plugin; write `export default definePlugin/);
    expect(lines[3]).to.match(/^5:5 .*: there are two plugins for destination duckdb$/);
    expect(lines[4]).to.equal(
      '6:5  plugins[4]: cannot load the plugin hookline-nowhere: there is no such package in . or above; npm install it there',
    );
  });

  it('made for another contract are refused with both numbers', async () => {
    await write(
      'old.mjs',
      `${source('old').replace('default', 'const p =')}; export default { ...p, contractVersion: 0 };`,
    );
    expect((await said('plugins: [ ./old.mjs ]'))[0]).to.match(
      /made for version 0 of the contract, this Hookline has version 1$/,
    );
  });

  it('are a list of texts', async () => {
    expect(await said('plugins: ./mine.mjs')).to.deep.equal([
      '1:10  plugins: expected a list, got "./mine.mjs"',
    ]);
  });
});
