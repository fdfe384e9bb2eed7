import { expect } from 'chai';
import { addressOf, config } from '../../../connectors/clickhouse/options.js';

const address = (options: object) => addressOf(config.parse(options));
/** The options that are at fault. */
const faults = (options: object): PropertyKey[] =>
  config.safeParse(options).error?.issues.map(({ path }) => path[0] as PropertyKey) ?? [];

describe('the options of clickhouse', () => {
  it('take a url, whose port is that of its protocol unless it says one', () => {
    expect(address({ url: 'https://me:p%2Fw@[::1]/web%20hooks' })).to.deep.equal({
      url: 'https://[::1]',
      username: 'me',
      password: 'p/w',
      database: 'web hooks',
      tls: undefined,
    });
    expect(address({ url: 'http://host:8123' })).to.include({
      url: 'http://host:8123',
      username: 'default',
      database: 'default',
    });
  });

  it('take the parts of one, and TLS by the option ssl', () => {
    expect(address({ host: 'host', user: 'me', password: 'x' })).to.include({ url: 'http://host:8123' });
    expect(address({ host: '::1', ssl: true })).to.deep.include({
      url: 'https://[::1]:8443',
      tls: { verify: 'all' },
    });
    expect(address({ host: 'host', port: 1, ssl: true })).to.include({ url: 'https://host:1' });
  });

  it('refuse both, neither, parameters, and an ssl that contradicts the url', () => {
    expect(faults({})).to.deep.equal(['url']);
    expect(faults({ url: 'http://host', host: 'host' })).to.deep.equal(['host']);
    expect(faults({ url: 'http://host/?database=x' })).to.deep.equal(['url']);
    expect(faults({ url: 'http://host', ssl: { ca: '/ca.pem' } })).to.deep.equal(['ssl']);
    expect(faults({ url: 'https://host', ssl: false })).to.deep.equal(['ssl']);
    expect(faults({ url: 'https://host', ssl: { ca: '/ca.pem' } })).to.deep.equal([]);
    expect(faults({ url: 'http://host', ssl: false })).to.deep.equal([]);
  });
});
