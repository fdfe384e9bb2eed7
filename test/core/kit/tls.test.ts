import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { refused } from '../../../core/conformance/index.js';
import { instructionOf, messageOf } from '../../../core/contract/errors.js';
import { baseFolder } from '../../../core/kit/options.js';
import { isTlsCode, readTls, type Tls, tls, tlsOf } from '../../../core/kit/tls.js';

const parse = (ssl: unknown): Tls | undefined => tlsOf(tls().parse(ssl));

describe('the option ssl', () => {
  it('is true or false, or says what is verified', () => {
    expect(tlsOf(undefined)).to.equal(undefined);
    expect(parse(false)).to.equal(undefined);
    expect(parse(true)).to.deep.equal({ verify: 'all' });
    expect(parse({})).to.deep.equal({ verify: 'all' });
    expect(parse({ verifyIdentity: false })).to.deep.equal({ verify: 'chain' });
    expect(parse({ rejectUnauthorized: false })).to.deep.equal({ verify: 'nothing' });
    expect(tls().safeParse({ verify: 'all' }).success).to.equal(false);
  });

  it('takes a PEM text, or a file relative to the YAML', () => {
    const text = '-----BEGIN CERTIFICATE-----\nx';
    const parsed = baseFolder.during('/etc/hookline', () => parse({ ca: 'ca.pem', cert: text }));
    expect(parsed).to.deep.equal({ verify: 'all', ca: { file: '/etc/hookline/ca.pem' }, cert: { text } });
  });

  it('marks the key as a secret', () => {
    const schema = JSON.stringify(z.toJSONSchema(tls(), { io: 'input' }));
    expect(schema).to.match(/"key":\{[^}]*"secret":true/);
  });
});

describe('the options of node:tls', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-pem-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('hold the files, which are read each time', async () => {
    const file = join(folder, 'ca.pem');
    const wanted: Tls = { verify: 'all', ca: { file }, cert: { text: 'x' } };
    const error = await refused(readTls(wanted));
    expect(instructionOf(error)).to.equal('config');
    expect(messageOf(error)).to.equal(`ssl.ca cannot be read from ${file}`);
    for (const ca of ['first', 'second']) {
      await writeFile(file, ca);
      expect(await readTls(wanted)).to.deep.equal({ rejectUnauthorized: true, ca, cert: 'x' });
    }
  });

  it('check the name that is wanted, whatever the host is', async () => {
    const certificate = { subjectaltname: 'DNS:db.example.com' } as never;
    const check = async (wanted: Tls) =>
      (await readTls(wanted)).checkServerIdentity?.('localhost', certificate)?.message;
    expect(await check({ verify: 'all', servername: 'db.example.com' })).to.equal(undefined);
    expect(await check({ verify: 'all', servername: 'other' })).to.include('other');
    expect(await check({ verify: 'chain', servername: 'other' })).to.equal(undefined);
    expect(await readTls({ verify: 'all' })).not.to.have.property('checkServerIdentity');
    expect((await readTls({ verify: 'nothing' })).rejectUnauthorized).to.equal(false);
  });

  it('fail with codes that are told from those of the network', () => {
    for (const code of ['CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID']) {
      expect(isTlsCode(code), code).to.equal(true);
    }
    for (const code of ['ECONNRESET', 'EPIPE', 'ENOTFOUND', '28000', 'ERR_INVALID_ARG_TYPE']) {
      expect(isTlsCode(code), code).to.equal(false);
    }
  });
});
