// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the YAML has its own
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { expect } from 'chai';
import { parse } from 'yaml';
import { z } from 'zod';
import { editorSchema } from '../../config/editor-schema.js';
import { takeInventory } from '../../config/inventory.js';
import { starter } from '../../config/starter.js';
import { builtins } from '../../connectors/index.js';
import { Registry } from '../../core/host/registry.js';
import { bytes, definePlugin, secret } from '../../core/index.js';
import { fakeRegistry } from './fixture.js';

const folder = join(import.meta.dirname, '../../../config');
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const create = (): never => {
  throw new Error('the schema creates nothing');
};

async function validatorOf(registry: Registry): Promise<ValidateFunction> {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strictTypes: false, validateFormats: false });
  return ajv.compile(editorSchema(await takeInventory(registry)));
}

describe('the JSON Schema for editors', () => {
  let validate: ValidateFunction;

  before(async () => {
    validate = await validatorOf(new Registry(builtins));
  });

  /** Where a text is refused, and by which keyword; nothing where it is accepted. */
  function refusals(text: string): string[] {
    validate(parse(text, { merge: true }));
    const own = (validate.errors ?? []).filter(({ keyword }) => !['anyOf', 'if'].includes(keyword));
    return own.map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
  }

  for (const [name, text] of [
    ['quickstart.yaml', read('quickstart.yaml')],
    ['example.yaml', read('example.yaml')],
    ['production.yaml', read('production.yaml')],
    ['the starter', starter],
    [
      'the starter with every line uncommented',
      starter.replaceAll(/^( *)# ((?:[a-z][A-Za-z]*:| {2,}[a-zA-Z]+:).*)$/gm, '$1$2'),
    ],
    ['sections with nothing in them', 'server: { webhooks: }\nspool:\ntokens:\nplugins:\npipelines:\n'],
    [
      'sections of the user, anchors and merge keys',
      'x-a: &a { type: memory }\ndestinations: { b: { <<: *a } }',
    ],
    ['sizes and durations as numbers', 'server: { grace: 0, webhooks: { maxBody: 1048576 } }'],
    [
      '`${NAME}` for a number, a truth value, a size, a list and a type',
      'server: { admin: { port: "${PORT:-1}" }, grace: "${GRACE}" }\nplugins: ["${PLUGIN}"]\n' +
        'spool: { type: "${SPOOL}", any: thing }\n' +
        'destinations: { d: { type: duckdb, path: "${file:x}", threads: "${N}" } }\n' +
        'pipelines: { 1: { destination: ["${D}"], table: t, paused: "${PAUSED}" } }',
    ],
    [
      'alternatives of an option',
      'destinations: { a: { type: postgres, url: u, ssl: true }, b: { type: postgres, url: u, ssl: { ca: c } } }',
    ],
    [
      'the tokens of the static store',
      `tokens: { type: static, tokens: [{ key: d538b946-9d55-405a-9bd2-72d74b1cb8f5, sha256: ${'0a'.repeat(32)}, pipelines: [1] }] }`,
    ],
    [
      'signatures: a secret, several, and what only one type has',
      'pipelines: { 1: { destination: d, table: t, signature: { type: github, secret: "${A}", key: d538b946-9d55-405a-9bd2-72d74b1cb8f5 } }, ' +
        '2: { destination: d, table: t, signature: { type: stripe, secret: [a, "${B}"], tolerance: 1m } }, ' +
        '3: { destination: d, table: t, signature: { type: hmac, secret: s, header: X-S, encoding: base64 } } }',
    ],
  ] as const) {
    it(`accepts ${name}`, () => {
      expect(refusals(text)).to.deep.equal([]);
    });
  }

  for (const [what, text, expected] of [
    ['an unknown section', 'destination: {}', ' additionalProperties'],
    ['an unknown option of the server', 'server: { prot: 1 }', '/server additionalProperties'],
    [
      'an unknown option of a plugin',
      'spool: { type: lmdb, path: x, size: 1 }',
      '/spool additionalProperties',
    ],
    [
      'an option of another type',
      'destinations: { d: { type: duckdb, path: x, url: u } }',
      '/destinations/d additionalProperties',
    ],
    ['a type that no plugin has', 'destinations: { d: { type: duckbd } }', '/destinations/d/type const'],
    ['a missing type', 'tokens: { path: x }', '/tokens required'],
    ['a missing option', 'destinations: { d: { type: duckdb } }', '/destinations/d required'],
    ['a number out of range', 'server: { webhooks: { port: 70000 } }', '/server/webhooks/port maximum'],
    ['a text for a number', 'server: { webhooks: { workers: many } }', '/server/webhooks/workers type'],
    ['a number for a text', 'destinations: { d: { type: duckdb, path: 5 } }', '/destinations/d/path type'],
    [
      'yes for true',
      'pipelines: { 1: { destination: d, table: t, paused: yes } }',
      '/pipelines/1/paused type',
    ],
    [
      'a unit that there is not',
      'server: { webhooks: { maxBody: 10MB } }',
      '/server/webhooks/maxBody pattern',
    ],
    ['a duration without its unit', 'server: { grace: 30 }', '/server/grace maximum'],
    ['a duration without its unit, as a text', 'server: { grace: "30" }', '/server/grace pattern'],
    ['a fraction of a byte', 'spool: { type: lmdb, path: x, maxSize: 1.5 }', '/spool/maxSize multipleOf'],
    [
      'an engine option of a spool',
      'spool: { type: lmdb, path: x, timeout: 1s }',
      '/spool additionalProperties',
    ],
    [
      'an unknown key in `flush`',
      'destinations: { d: { type: memory, flush: { row: 1 } } }',
      '/destinations/d/flush additionalProperties',
    ],
    [
      'a name that no destination can have',
      'destinations: { a/b: { type: memory } }',
      '/destinations pattern',
    ],
    [
      'an id that no pipeline can have',
      'pipelines: { leads: { destination: d, table: t } }',
      '/pipelines pattern',
    ],
    ['a pipeline without a table', 'pipelines: { 1: { destination: d } }', '/pipelines/1 required'],
    [
      'an empty list of destinations',
      'pipelines: { 1: { destination: [], table: t } }',
      '/pipelines/1/destination minItems',
    ],
    [
      'a tolerance where the signature has no time',
      'pipelines: { 1: { destination: d, table: t, signature: { type: github, secret: s, tolerance: 1m } } }',
      '/pipelines/1/signature additionalProperties',
    ],
    ['a text for the list of plugins', 'plugins: ./mine.js', '/plugins type'],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(refusals(text)).to.include(expected);
    });
  }

  it('describes what a plugin of another copy of zod declares, and shows no default of a secret', async () => {
    const { z: other } = createRequire(import.meta.url)('zod') as { readonly z: typeof z };
    expect(other.object).not.to.equal(z.object);
    const config = other.object({
      mode: other.enum(['fast', 'safe']).default('safe').describe('How'),
      chunk: bytes().default(1024 ** 2),
      pin: secret().default('hunter2'),
    });
    const plugin = definePlugin({
      kind: 'destination',
      name: 'foreign',
      description: 'From afar',
      config,
      create,
    });
    const registry = new Registry({ destination: {}, 'token-store': {}, spool: {} });
    registry.add(plugin, './foreign.js');
    const [item] = await takeInventory(registry);
    expect(item).to.include({ origin: './foreign.js', description: 'From afar' });
    expect(item?.options.properties).to.deep.include({
      mode: { type: 'string', enum: ['fast', 'safe'], default: 'safe', description: 'How' },
      pin: { type: 'string', minLength: 1, writeOnly: true },
    });
    expect(item?.options.properties?.['chunk']).to.include({ default: '1MiB' });
  });

  it('takes anything for options that it cannot tell, and for a plugin that cannot be loaded', async () => {
    const registry = fakeRegistry();
    const config = Object.assign(z.strictObject({}), { toJSONSchema: create });
    registry.add(definePlugin({ kind: 'destination', name: 'odd', config, create }));
    validate = await validatorOf(registry);
    expect(
      refusals('destinations: { a: { type: odd, any: thing }, b: { type: broken, any: thing } }'),
    ).to.deep.equal([]);
    expect(refusals('destinations: { a: { type: odd, timeout: never } }')).to.not.deep.equal([]);
  });
});
