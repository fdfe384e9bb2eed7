import { expect } from 'chai';
import { makeBatch, makeRow, never, refused, TestDestinations, urlWith } from 'hookline/conformance';
import { instructionOf } from 'hookline/plugin';
import type { ResultSetHeader } from 'mysql2/promise';
import plugin from '../../connectors/mysql/index.js';
import { Authority } from '../support/certificates.js';
import { TestMariadb } from '../support/mariadb.js';

/** The server's certificate bears this name and an address that it does not listen on. */
const name = 'db.example.com';

describe('the mysql destination over TLS', () => {
  let server: TestMariadb;
  let authority: Authority;

  const destinations = new TestDestinations(plugin, () => ({ url: server.url }));
  const lands = async (table: string, options: object): Promise<void> => {
    const destination = await destinations.ready(table, options);
    await destination.write(makeBatch(table, [makeRow()]), never);
    expect(await destination.latest?.(table, 10, never)).to.have.lengthOf(1);
  };
  const refusal = async (options: object): Promise<string> => {
    const error = await refused(destinations.make(options).open(never));
    expect(instructionOf(error), error.message).to.equal('config');
    return error.message;
  };
  const untrusted = /HANDSHAKE_SSL_ERROR.*check the option ssl/;

  before(async function () {
    this.timeout(60_000);
    authority = await Authority.create();
    server = await TestMariadb.start({
      identity: await authority.sign(name, '127.0.0.2'),
      clients: authority.cert,
    });
    for (const [user, wants] of [
      ['sealed', 'SSL'],
      ['certified', 'X509'],
    ]) {
      await server.sql<ResultSetHeader>(
        `CREATE USER ${user}@127.0.0.1 IDENTIFIED BY '${server.password}' REQUIRE ${wants}`,
      );
      await server.sql<ResultSetHeader>(`GRANT ALL ON test.* TO ${user}@127.0.0.1`);
    }
  });
  afterEach(() => destinations.close());
  after(() => server.destroy());

  const as = (username: string) => urlWith(server.url, { username });

  it('lands rows where the server wants TLS, and is refused in plain text', async () => {
    const ssl = { ca: authority.cert, servername: name };
    await lands('sealed', { url: as('sealed'), ssl });
    expect(await refusal({ url: as('sealed') })).to.include('ER_ACCESS_DENIED_ERROR');
    await lands('plain', {});
  });

  it('verifies who signed the certificate, unless told', async () => {
    const stranger = await Authority.create();
    expect(await refusal({ ssl: true })).to.match(untrusted);
    expect(await refusal({ ssl: { ca: stranger.cert, verifyIdentity: false } })).to.match(untrusted);
    await lands('not_verified', { url: as('sealed'), ssl: { rejectUnauthorized: false } });
    await lands('chain', { url: as('sealed'), ssl: { ca: authority.cert, verifyIdentity: false } });
  });

  it('refuses another host than the certificate names, be it a name or an address', async () => {
    for (const hostname of ['127.0.0.1', 'localhost']) {
      const url = urlWith(as('sealed'), { hostname });
      expect(await refusal({ url, ssl: { ca: authority.cert } })).to.match(untrusted);
      expect(await refusal({ url, ssl: { ca: authority.cert, servername: 'other' } })).to.match(untrusted);
      await lands(`named ${hostname}`, { url, ssl: { ca: authority.cert, servername: name } });
      await lands(`address ${hostname}`, { url, ssl: { ca: authority.cert, servername: '127.0.0.2' } });
    }
  });

  it('shows a certificate of its own where the server wants one', async () => {
    const ssl = { ca: authority.cert, servername: name };
    expect(await refusal({ url: as('certified'), ssl })).to.include('ER_ACCESS_DENIED_ERROR');
    await lands('certified', { url: as('certified'), ssl: { ...ssl, ...(await authority.sign('client')) } });
  });
});
