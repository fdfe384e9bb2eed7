import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { type Address, addressOf, readTls } from '../../../connectors/postgres/address.js';
import plugins from '../../../connectors/postgres/index.js';
import type { ConnectionOptions } from '../../../connectors/postgres/options.js';
import { pluginOf } from '../../../core/conformance/instantiate.js';
import { refused } from '../../../core/conformance/proof.js';
import { instructionOf } from '../../../core/index.js';

const { config } = pluginOf(plugins, 'destination', 'postgres');
const parse = (options: object): Address => addressOf(config.parse(options) as ConnectionOptions);
const faults = (options: object): string => JSON.stringify(config.safeParse(options).error?.issues);

describe('the postgres options', () => {
  it('take a url, percent-encoded', () => {
    expect(parse({ url: 'postgresql://a%40b:p%2Fw%25@db.example:6543/my%20base' })).to.deep.equal({
      host: 'db.example',
      port: 6543,
      user: 'a@b',
      password: 'p/w%',
      database: 'my base',
      ssl: false,
    });
    expect(parse({ url: 'postgres://me@[::1]' })).to.include({ host: '::1', port: 5432, database: 'me' });
    expect(parse({ url: 'postgres://me@/base?host=/var/run/postgresql' })).to.include({
      host: '/var/run/postgresql',
      database: 'base',
    });
  });

  it('take parts instead', () => {
    expect(parse({ user: 'me', password: 'x' })).to.deep.equal({
      host: 'localhost',
      port: 5432,
      user: 'me',
      password: 'x',
      database: 'me',
      ssl: false,
    });
  });

  it('understand sslmode as libpq does', () => {
    const verify = (mode: string) => {
      const { ssl } = parse({ url: `postgres://me@h/b?sslmode=${mode}` });
      return ssl === false ? false : ssl.verify;
    };
    expect(verify('disable')).to.equal(false);
    expect(verify('no-verify')).to.equal('nothing');
    expect(verify('require')).to.equal('nothing');
    expect(verify('require&sslrootcert=/ca.pem')).to.equal('chain');
    expect(verify('verify-ca')).to.equal('chain');
    expect(verify('verify-full')).to.equal('all');
    expect(faults({ url: 'postgres://me@h/b?sslmode=prefer' })).to.include('sslmode is one of');
  });

  it('take certificates as text or as files, and read the files when they connect', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hookline-pem-'));
    try {
      const ssl = { ca: join(folder, 'ca.pem'), cert: '-----BEGIN CERTIFICATE-----\nx' };
      const address = parse({ user: 'me', ssl });
      if (address.ssl === false) throw new Error('no TLS');
      expect(instructionOf(await refused(readTls(address.ssl)))).to.equal('config');
      await writeFile(ssl.ca, '-----BEGIN CERTIFICATE-----\ny');
      expect(await readTls(address.ssl)).to.deep.equal({
        rejectUnauthorized: true,
        ca: '-----BEGIN CERTIFICATE-----\ny',
        cert: '-----BEGIN CERTIFICATE-----\nx',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuse what cannot be meant, and never repeat the url', () => {
    for (const url of [
      'hunter2',
      'mysql://me:hunter2@h/b',
      'postgres://me:hunter2%zz@h/b',
      'postgres://me:hunter2@h/b?sslmode=maybe',
      'postgres://me:hunter2@h:port/b',
    ]) {
      expect(faults({ url }), url).to.be.a('string').and.not.to.include('hunter2');
    }
    expect(faults({})).to.include('expected url');
    expect(faults({ url: 'postgres://me@h/b', host: 'x' })).to.include('part of the url already');
  });

  it('become a JSON Schema in which secrets are marked', () => {
    for (const plugin of plugins) {
      const schema = z.toJSONSchema(plugin.config, { io: 'input' }) as unknown as {
        properties: Record<string, { secret?: boolean }>;
      };
      expect(schema.properties['url']?.secret).to.equal(true);
      expect(schema.properties['password']?.secret).to.equal(true);
    }
  });
});
