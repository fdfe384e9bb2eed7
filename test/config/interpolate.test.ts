// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the YAML has its own
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { interpolate } from '../../config/interpolate.js';
import { complaints, loadText } from './fixture.js';

describe('interpolate', () => {
  const env = { A: 'one', B: 'two', EMPTY: '' };
  const folder = mkdtempSync(join(tmpdir(), 'hookline-'));
  after(() => rmSync(folder, { recursive: true }));
  const value = (text: string): string => interpolate(text, { env, folder }).value;

  it('replaces several references in one text', () => {
    expect(value('${A}-${B}!')).to.equal('one-two!');
  });

  it('takes the default when the variable is not set or set to nothing', () => {
    expect(value('${C:-x:-y}|${EMPTY:-z}|${EMPTY}|${C:-}|${A:-no}')).to.equal('x:-y|z|||one');
  });

  it('makes `${` of `$${`, and touches no other `$`', () => {
    expect(value('$${A} $${ $A $ $$ 5$')).to.equal('${A} ${ $A $ $$ 5$');
  });

  it('does not look into what it has put in', () => {
    expect(interpolate('${X}', { env: { X: '${A}' }, folder }).value).to.equal('${A}');
  });

  it('reads a file relative to the folder, without its trailing newline', () => {
    writeFileSync(join(folder, 'secret'), ' pa ss\r\n');
    expect(value('<${file:secret}>')).to.equal('< pa ss>');
    expect(value(`<\${file:${folder}/secret}>`)).to.equal('< pa ss>');
  });

  it('knows no variable that is not of the environment itself', () => {
    expect(interpolate('${toString}', { env, folder }).faults).to.have.lengthOf(1);
  });
});

describe('a reference in the YAML', () => {
  const port = 'server:\n  webhooks:\n    port: ${PORT:-8090}\n';

  it('becomes a number where one is wanted', async () => {
    expect((await loadText(port)).server.webhooks.port).to.equal(8090);
    expect((await loadText(port, { PORT: '0' })).server.webhooks.port).to.equal(0);
  });

  it('becomes true or false where that is wanted', async () => {
    const text =
      'destinations: { d: { type: duckdb, path: x } }\n' +
      'pipelines: { 1: { destination: d, table: t, paused: "${PAUSED:-false}" } }';
    expect((await loadText(text)).pipelines.get('1')?.paused).to.equal(false);
    expect((await loadText(text, { PAUSED: 'true' })).pipelines.get('1')?.paused).to.equal(true);
  });

  it('stays a text where one is wanted, also when it looks like a number', async () => {
    const text = 'destinations: { d: { type: postgres, url: "postgres:x", password: "${P}" } }';
    expect((await loadText(text, { P: '123' })).destinations.get('d')?.options).to.have.property(
      'password',
      '123',
    );
  });

  it('is not looked for in keys and comments', async () => {
    expect(await complaints('x-${A}: 1 # ${B}\n')).to.deep.equal([]);
  });

  it('is reported where it stands when its variable is not set', async () => {
    expect(await complaints('x-a:\n  b: "é ${ONE} $${ ${TWO}"\n')).to.deep.equal([
      '2:9  x-a.b: the environment variable ONE is not set; set it, or give a default: `${ONE:-...}`',
      '2:20  x-a.b: the environment variable TWO is not set; set it, or give a default: `${TWO:-...}`',
    ]);
  });

  it('is reported when its file is not there', async () => {
    expect(await complaints('x-a: ${file:/nowhere/x}')).to.deep.equal([
      '1:6  x-a: the file /nowhere/x does not exist; check its path and its rights',
    ]);
  });

  it('is reported when it is of no known form, without showing it', async () => {
    const said = await complaints('x-a: [ "p${hunter2!}", "p${hunter2" ]');
    expect(said).to.have.lengthOf(2);
    expect(said[0]).to.match(/^1:10 {2}x-a\[0\]: this is not a reference to anything; use `\$\{NAME\}`/);
    expect(said[1]).to.match(/^1:26 {2}x-a\[1\]: `\$\{` is not closed/);
    expect(said.join()).not.to.include('hunter2');
  });

  it('causes no second problem when it has no value', async () => {
    const text =
      'destinations: { d: { type: postgres, url: "${U}" } }\npipelines: { 1: { destination: d, table: "${T}" } }\n' +
      'server: { webhooks: { port: "${P}" } }\nspool: { type: "${S}" }\ntokens: "${K}"';
    const said = await complaints(text);
    expect(said).to.have.lengthOf(5);
    expect(said.every((line) => line.includes('is not set'))).to.equal(true);
  });

  it('is never shown by its value', async () => {
    const text =
      'server: { webhooks: { port: "${V}", host: "${V}", maxBody: "${V}" }, grace: "${V}" }\nspool: "${V}"\ntokens: { type: "${V}" }\n' +
      'destinations: { d: { type: postgres, url: "${V}", port: "${V}", mode: "${V}", ssl: "${V}" } }\n' +
      'pipelines: { 1: { destination: "${V}", table: t, paused: "${V}" }, 2: "${V}" }\nplugins: [ "${V}" ]\n';
    const said = await complaints(text, { V: 'hunter2 5' });
    expect(said.length).to.be.greaterThan(11);
    expect(said.join('\n')).not.to.include('hunter2');
    expect(said[0]).to.equal(
      '1:29  server.webhooks.port: expected a whole number from 0 to 65535, got something else from ${V}',
    );
  });
});
