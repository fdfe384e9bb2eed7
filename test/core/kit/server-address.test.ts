import { expect } from 'chai';
import { z } from 'zod';
import { type ServerAddress, serverAddress } from '../../../core/kit/server-address.js';

const example = 'acme://user:password@host:4000/database';
const strict = serverAddress({ example, protocols: ['acme'], port: 4000, required: ['user', 'database'] });
const config = z.object({ ...strict.options, table: z.string().optional() }).superRefine(strict.complete);

const parse = (options: object): ServerAddress => strict.addressOf(config.parse(options));
/** Each fault with its option. */
const faults = (options: object): string[] =>
  config.safeParse(options).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('the address of a server', () => {
  it('is read from a url, percent-encoded', () => {
    expect(parse({ url: 'acme://a%40b:p%2Fw%25@[::1]:1/my%20base' })).to.deep.equal({
      host: '::1',
      port: 1,
      user: 'a@b',
      password: 'p/w%',
      database: 'my base',
      tls: undefined,
    });
    expect(parse({ url: 'acme://me@host/base' })).to.include({ port: 4000, password: undefined });
    expect(parse({ url: 'acme://me@/base' }).host).to.equal('localhost');
  });

  it('is read from its parts', () => {
    expect(parse({ user: 'me', database: 'base' })).to.deep.equal({
      host: 'localhost',
      port: 4000,
      user: 'me',
      password: undefined,
      database: 'base',
      tls: undefined,
    });
  });

  it('has TLS where ssl says so, with a url and without', () => {
    expect(parse({ url: 'acme://me@host/base', ssl: true }).tls).to.deep.equal({ verify: 'all' });
    expect(parse({ user: 'me', database: 'base', ssl: {} }).tls).to.deep.equal({ verify: 'all' });
  });

  it('is complete, and said once', () => {
    expect(faults({ user: 'me' })).to.deep.equal([
      'url: expected url, or else host, user, password and database',
    ]);
    expect(faults({ url: 'acme://me@host/base', user: 'me', port: 1 })).to.deep.equal([
      'port: is part of the url already: give the one or the other',
      'user: is part of the url already: give the one or the other',
    ]);
    expect(faults({ url: 'acme://host' })).to.deep.equal([
      `url: expected user and database in it, as in ${example}`,
    ]);
  });

  it('is refused without a word of the url, in which there is a password', () => {
    const reasons: Readonly<Record<string, string>> = {
      hunter2: 'expected a URL such as acme://',
      'other://me:hunter2@host/base': 'begins with acme://',
      'acme://me:hunter2%zz@host/base': 'a % in the user, the password or the database is written %25',
      'acme://me:hunter2@host/base?tls=on': 'the url takes no parameters',
      'acme://me:hunter2@host:port/base': 'expected a URL such as',
    };
    for (const [url, reason] of Object.entries(reasons)) {
      const [fault = ''] = faults({ url });
      expect(fault).to.include(reason).and.not.to.include('hunter2');
      expect(JSON.stringify(config.safeParse({ url }).error?.issues)).not.to.include('hunter2');
    }
  });

  it('takes the parameters that its kind has', () => {
    const { options, complete, addressOf } = serverAddress({
      example,
      protocols: ['acme'],
      port: 4000,
      required: ['user'],
      parameters: {
        fault: (asked) => (asked.has('odd') ? 'odd is not known' : undefined),
        apply: (address, asked) => ({
          ...address,
          user: asked.get('as') ?? address.user,
          tls: asked.has('tls') ? { verify: 'nothing' } : undefined,
        }),
      },
    });
    const lenient = z.object(options).superRefine(complete);
    const read = (given: object) => addressOf(lenient.parse(given));
    expect(read({ url: 'acme://host?as=me&tls' })).to.deep.include({
      user: 'me',
      tls: { verify: 'nothing' },
    });
    expect(read({ url: 'acme://me@host?tls', ssl: false }).tls).to.equal(undefined);
    expect(lenient.safeParse({ url: 'acme://me@host?odd' }).error?.message).to.include('odd is not known');
  });

  it('marks url and password as secrets, and says what is required', () => {
    const { properties } = z.toJSONSchema(config, { io: 'input' });
    expect(properties).to.deep.include({
      url: { type: 'string', secret: true, description: example },
      user: { type: 'string', minLength: 1, description: 'The user; required without a url' },
      password: { type: 'string', minLength: 1, secret: true, description: "The user's password" },
    });
    expect(properties?.['host']).to.include({
      description: 'A host name or an address; localhost unless set',
    });
  });
});
