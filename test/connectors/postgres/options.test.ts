import { expect } from 'chai';
import { z } from 'zod';
import plugins from '../../../connectors/postgres/index.js';
import { addressOf, type ConnectionOptions } from '../../../connectors/postgres/options.js';
import { pluginOf } from '../../../core/conformance/index.js';
import type { ServerAddress } from '../../../core/index.js';

const { config } = pluginOf(plugins, 'destination', 'postgres');
const parse = (options: object): ServerAddress => addressOf(config.parse(options) as ConnectionOptions);
const faults = (options: object): string => JSON.stringify(config.safeParse(options).error?.issues);

describe('the postgres options', () => {
  it('take a url, percent-encoded', () => {
    expect(parse({ url: 'postgresql://a%40b:p%2Fw%25@db.example:6543/my%20base' })).to.deep.equal({
      host: 'db.example',
      port: 6543,
      user: 'a@b',
      password: 'p/w%',
      database: 'my base',
      tls: undefined,
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
      tls: undefined,
    });
  });

  it('understand sslmode as libpq does', () => {
    const verify = (mode: string) => parse({ url: `postgres://me@h/b?sslmode=${mode}` }).tls?.verify;
    expect(verify('disable')).to.equal(undefined);
    expect(verify('no-verify')).to.equal('nothing');
    expect(verify('require')).to.equal('nothing');
    expect(verify('require&sslrootcert=/ca.pem')).to.equal('chain');
    expect(verify('verify-ca')).to.equal('chain');
    expect(verify('verify-full')).to.equal('all');
    expect(faults({ url: 'postgres://me@h/b?sslmode=prefer' })).to.include('sslmode is one of');
  });

  it('take PEM texts and files of the url, which the option ssl overrules', () => {
    const url = `postgres://me@h/b?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=${encodeURIComponent('-----BEGIN x')}`;
    expect(parse({ url }).tls).to.deep.equal({
      verify: 'all',
      ca: { file: '/ca.pem' },
      cert: { text: '-----BEGIN x' },
      key: undefined,
    });
    expect(parse({ url, ssl: false }).tls).to.equal(undefined);
    expect(parse({ url, ssl: { rejectUnauthorized: false } }).tls).to.deep.equal({ verify: 'nothing' });
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
    expect(faults({ url: 'postgres://h/b' })).to.include('expected user in it');
    expect(parse({ url: 'postgres://h/b?user=me' }).user).to.equal('me');
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
