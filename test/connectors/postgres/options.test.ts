import { expect } from 'chai';
import { z } from 'zod';
import plugins from '../../../connectors/postgres/index.js';
import { addressOf, type ConnectionOptions, warningsOf } from '../../../connectors/postgres/options.js';
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

  describe('hold a url to what libpq means by each of its parameters', () => {
    const of = (parameters: string) => `postgres://me:hunter2@h/b?${parameters}`;
    const honoured: Record<string, Partial<ServerAddress>> = {
      'host=other&port=6543&user=you&password=a+b&dbname=base': {
        host: 'other',
        port: 6543,
        user: 'you',
        password: 'a+b',
        database: 'base',
      },
      'ssl=true': { tls: { verify: 'all', ca: undefined, cert: undefined, key: undefined } },
      'ssl=1': { tls: { verify: 'all', ca: undefined, cert: undefined, key: undefined } },
      'ssl=0': { tls: undefined },
      'sslrootcert=system': { tls: { verify: 'all', ca: undefined, cert: undefined, key: undefined } },
      'sslmode=verify-full&sslrootcert=system': {
        tls: { verify: 'all', ca: undefined, cert: undefined, key: undefined },
      },
    };
    for (const [parameters, address] of Object.entries(honoured)) {
      it(`${parameters} is honoured`, () => expect(parse({ url: of(parameters) })).to.deep.include(address));
    }

    const passed = ['application_name=x', 'connect_timeout=10', 'channel_binding=prefer']
      .concat(['target_session_attrs=read-write', 'keepalives=1', 'gssencmode=prefer', 'sslsni=1'])
      .concat(['ssl_min_protocol_version=TLSv1.2', 'client_encoding=UTF8']);
    for (const parameter of passed) {
      it(`${parameter} is passed over, and told`, () => {
        expect(parse({ url: of(parameter) })).to.deep.equal(parse({ url: of('') }));
        const told = warningsOf(config.parse({ url: of(parameter) }) as ConnectionOptions);
        expect(told).to.have.length(1);
        expect(told[0]).to.include(`${parameter.split('=')[0]} in the url is passed over`);
      });
    }

    const faulty: Record<string, RegExp> = {
      'ssl=require': /ssl in the url is true or false; sslmode/,
      'SSLMODE=verify-full': /not known.*SSLMODE.*did you mean sslmode\?/,
      'ssl_mode=verify-full': /did you mean sslmode\?/,
      'sslMode=require': /did you mean sslmode\?/,
      'sslmode=require&sslmode=disable': /sslmode is given twice/,
      'ssl=true&sslmode=disable': /opposite/,
      'sslrootcert=system&sslmode=require': /verify-full/,
      'channel_binding=require': /wants TLS: add sslmode/,
      'channel_binding=require&sslmode=disable': /wants TLS/,
      'port=5432,5433': /port in the url is one number/,
      'sslcert=/c.pem&sslkey=/k.pem': /want an sslmode/,
      'schema=hooks': /option schema/,
      'options=-csearch_path%3Dhooks': /option schema/,
      'target_session_attrs=standby': /primary/,
      'require_auth=scram-sha-256': /not looked at/,
      'sslcrl=/crl.pem': /revoked/,
      'ssl_min_protocol_version=TLSv1.3': /TLS 1.2/,
      'gssencmode=require': /sslmode/,
      'requirepeer=postgres': /not looked at/,
      'client_encoding=LATIN1': /UTF8/,
      'passfile=/x': /user and password/,
      'host=one,two': /one host/,
      'nonsense=1': /known are host, port/,
    };
    for (const [parameters, says] of Object.entries(faulty)) {
      it(`${parameters} is an error`, () => {
        expect(faults({ url: of(parameters) }))
          .to.match(says)
          .and.not.to.include('hunter2');
      });
    }
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
