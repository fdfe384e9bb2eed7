import { expect } from 'chai';
import { Clients, type ForwardingHeader, rangesOf } from '../../../core/intake/client.js';

describe('a client address', () => {
  const clientOf = (
    peer: string | undefined,
    said: string | undefined,
    trusted: readonly string[] = [],
    header: ForwardingHeader = 'x-forwarded-for',
  ) =>
    new Clients(trusted, header).of({
      query: '',
      peer,
      header: (name) => (name === header ? said : undefined),
    });

  it('is the connection’s other end, and no header is believed, where no proxy is trusted', () => {
    expect(clientOf('203.0.113.7', '198.51.100.1')).to.equal('203.0.113.7');
    expect(clientOf('::ffff:203.0.113.7', '198.51.100.1')).to.equal('203.0.113.7');
    expect(clientOf('203.0.113.7', 'for=198.51.100.1', [], 'forwarded')).to.equal('203.0.113.7');
  });

  it('is read from the end of the header, through trusted proxies only', () => {
    const trusted = ['loopback', '10.0.0.0/8'];
    const spoofed = '198.51.100.66, 127.0.0.1, 203.0.113.7, 10.1.2.3';
    expect(clientOf('127.0.0.1', spoofed, trusted)).to.equal('203.0.113.7');
    expect(clientOf('::1', '203.0.113.7', trusted)).to.equal('203.0.113.7');
    expect(clientOf('192.0.2.1', spoofed, trusted)).to.equal('192.0.2.1');
    expect(clientOf('10.9.9.9', '10.1.1.1, 10.2.2.2', trusted)).to.equal('10.1.1.1');
    expect(clientOf('::ffff:10.9.9.9', '203.0.113.7', trusted)).to.equal('203.0.113.7');
  });

  it('is the proxy that tells nothing, or nothing in plain words', () => {
    const trusted = ['10.0.0.0/8'];
    const garbage = [
      undefined,
      '',
      ',',
      'unknown',
      '_hidden',
      '1',
      '0x7f.1',
      '010.0.0.1',
      '203.0.113.7.8',
      '203.0.113.256',
      '203.0.113.7:port',
      '[2001:db8::1',
      ':::',
      '203.0.113.7 198.51.100.1',
      '\u00ff',
    ];
    for (const said of garbage) expect(clientOf('10.0.0.1', said, trusted), said).to.equal('10.0.0.1');
    // Whatever the sender wrote before it stays unread.
    expect(clientOf('10.0.0.1', '198.51.100.1, unknown', trusted)).to.equal('10.0.0.1');
  });

  it('is read with a port, in brackets and with a zone', () => {
    const trusted = ['loopback'];
    for (const said of [
      '203.0.113.7,',
      '203.0.113.7, ,',
      '203.0.113.7:4711',
      ' 203.0.113.7 ',
      '[203.0.113.7]:4711',
      '::ffff:203.0.113.7',
    ]) {
      expect(clientOf('127.0.0.1', said, trusted), said).to.equal('203.0.113.7');
    }
    for (const said of [
      '2001:db8:0:1::5',
      '[2001:db8:0:1::5]:4711',
      '[2001:DB8:0:1:2:3:4:5]',
      '"[2001:db8:0:1::]"',
    ]) {
      expect(clientOf('127.0.0.1', said, trusted), said).to.equal('2001:db8:0:1::/64');
    }
    expect(clientOf('fe80::1%eth0', undefined)).to.equal('fe80:0:0:0::/64');
  });

  it('is a network of 64 bits in IPv6, and one address in IPv4', () => {
    expect(clientOf('2001:db8:1:2:3::4', undefined)).to.equal(clientOf('2001:db8:1:2:ffff::', undefined));
    expect(clientOf('2001:db8:1:2::4', undefined)).not.to.equal(clientOf('2001:db8:1:3::4', undefined));
    expect(clientOf('203.0.113.7', undefined)).not.to.equal(clientOf('203.0.113.8', undefined));
  });

  it('is in the `for` of Forwarded where that is the header, and then nowhere else', () => {
    const of = (said: string) => clientOf('127.0.0.1', said, ['loopback', '10.0.0.0/8'], 'forwarded');
    expect(of('for=203.0.113.7')).to.equal('203.0.113.7');
    expect(of('for=198.51.100.1, For="203.0.113.7:4711";proto=https;by=10.0.0.1, for=10.0.0.2')).to.equal(
      '203.0.113.7',
    );
    expect(of('proto=https;for="[2001:db8:0:1::5]:4711"')).to.equal('2001:db8:0:1::/64');
    expect(of('for="198.51.100.1, for=203.0.113.7"')).to.equal('127.0.0.1');
    expect(of('for=198.51.100.1;host="a, for=203.0.113.9"')).to.equal('198.51.100.1');
    expect(of('for=unknown')).to.equal('127.0.0.1');
    expect(of('by=203.0.113.7;xfor=203.0.113.8')).to.equal('127.0.0.1');
  });

  it('is none for this machine itself, unless that is a trusted proxy', () => {
    expect(clientOf('127.0.0.1', '203.0.113.7')).to.equal(undefined);
    expect(clientOf('127.8.8.8', undefined)).to.equal(undefined);
    expect(clientOf('::1', undefined)).to.equal(undefined);
    expect(clientOf('127.0.0.1', '127.0.0.1', ['loopback'])).to.equal('127.0.0.1');
    expect(clientOf('127.0.0.1', undefined, ['loopback'])).to.equal('127.0.0.1');
  });

  it('is one for all whose connection was gone before it could be asked', () => {
    expect(clientOf(undefined, '203.0.113.7', ['loopback'])).to.equal('unknown');
  });

  it('takes long headers in a time that does not grow out of hand', () => {
    // So much more than a request can have that anything worse than proportional would never end.
    const said = `${'"'.repeat(800_000)},${'for='.repeat(100_000)}`;
    for (const header of ['x-forwarded-for', 'forwarded'] as const) {
      expect(clientOf('127.0.0.1', said, ['loopback'], header)).to.equal('127.0.0.1');
      expect(clientOf('127.0.0.1', '127.0.0.1,'.repeat(80_000), ['loopback'], header)).to.equal('127.0.0.1');
    }
  });

  it('comes of ranges that are addresses, networks or known names, and of nothing else', () => {
    for (const text of ['loopback', 'uniquelocal', '10.0.0.0/8', '::1', '2001:db8::/32', '192.0.2.1']) {
      expect(rangesOf(text), text).not.to.equal(undefined);
    }
    for (const text of ['', 'local', '10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.0/', 'constructor', '*']) {
      expect(rangesOf(text), text).to.equal(undefined);
    }
  });
});
