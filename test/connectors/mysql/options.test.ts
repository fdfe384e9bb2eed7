import { expect } from 'chai';
import { addressOf, config } from '../../../connectors/mysql/options.js';

/** The messages of what is wrong. */
const faults = (options: object): string[] =>
  config.safeParse(options).error?.issues.map(({ message }) => message) ?? [];

describe('the options of mysql', () => {
  it('take a url, with what is encoded in it', () => {
    const options = config.parse({ url: 'mysql://us%40er:p%2Fw@[::1]:3307/web%20hooks' });
    expect(addressOf(options)).to.deep.equal({
      host: '::1',
      port: 3307,
      user: 'us@er',
      password: 'p/w',
      database: 'web hooks',
      tls: undefined,
    });
  });

  it('take the parts of one', () => {
    expect(addressOf(config.parse({ user: 'hookline', database: 'webhooks' }))).to.deep.equal({
      host: 'localhost',
      port: 3306,
      user: 'hookline',
      password: undefined,
      database: 'webhooks',
      tls: undefined,
    });
  });

  it('refuse both, and neither', () => {
    const url = 'mysql://hookline@localhost/webhooks';
    expect(faults({ url, port: 3306 })).to.deep.equal([
      'is part of the url already: give the one or the other',
    ]);
    expect(faults({ user: 'hookline' })).to.deep.equal([
      'expected url, or else host, user, password and database',
    ]);
  });

  for (const url of [
    'mysql://user:topsecret@host',
    'postgres://user:topsecret@host/db',
    'mysql://user:topsecret%@host/db',
    'mysql://user:topsecret@host/db?ssl=true',
    'user:topsecret@host/db',
  ]) {
    it(`refuse ${url.replace('topsecret', '…')} and do not repeat the password`, () => {
      const [message = ''] = faults({ url });
      expect(message).to.match(/\S/);
      expect(message).not.to.include('topsecret');
    });
  }
});
