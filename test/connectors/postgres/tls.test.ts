import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import plugins from '../../../connectors/postgres/index.js';
import {
  makeBatch,
  makeRow,
  never,
  pluginOf,
  refused,
  TestDestinations,
  urlWith,
} from '../../../core/conformance/index.js';
import { instructionOf } from '../../../core/index.js';
import { Authority, type Identity } from '../../support/certificates.js';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';

/** The server's certificate bears this name and an address that it does not listen on. */
const name = 'db.example.com';
const untrusted = /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_/;

describe('the postgres destination over TLS', () => {
  let server: TestPostgres;
  let url: string;
  let folder: string;
  let caFile: string;
  let authority: Authority;
  let stranger: Authority;
  let client: Identity;

  const destinations = new TestDestinations(pluginOf(plugins, 'destination', 'postgres'), () => ({ url }));
  /** Whether the server says that the connection by which a row has landed is encrypted. */
  const encrypted = async (table: string, options: object): Promise<boolean | undefined> => {
    const destination = await destinations.ready(table, { applicationName: table, ...options });
    await destination.write(makeBatch(table, [makeRow()]), never);
    expect(await destination.latest?.(table, 10, never)).to.have.lengthOf(1);
    const [connection] = await server.sql<{ ssl: boolean }>(
      url,
      'SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = $1',
      [table],
    );
    return connection?.ssl;
  };
  const refusal = async (options: object): Promise<string> => {
    const error = await refused(destinations.make(options).open(never));
    expect(instructionOf(error), error.message).to.equal('config');
    expect(error.message).not.to.include(server.password);
    return error.message;
  };
  const asked = (mode: string, more: Record<string, string> = {}, from = url): string =>
    urlWith(from, { search: new URLSearchParams({ sslmode: mode, ...more }).toString() });

  before(async () => {
    [authority, stranger] = [await Authority.create(), await Authority.create()];
    client = await authority.sign('postgres');
    folder = await mkdtemp(join(tmpdir(), 'hookline-tls-'));
    caFile = join(folder, 'ca.pem');
    await writeFile(caFile, authority.cert);
    server = await startPostgres({
      identity: await authority.sign(name, '127.0.0.2'),
      clients: authority.cert,
      rules: [
        'hostnossl sealed all 127.0.0.1/32 reject',
        'hostssl certified all 127.0.0.1/32 scram-sha-256 clientcert=verify-full',
      ],
    });
    url = await server.createDatabase();
    await server.sql(url, 'CREATE DATABASE sealed');
    await server.sql(url, 'CREATE DATABASE certified');
  });
  afterEach(() => destinations.close());
  after(async () => {
    await server.destroy();
    await rm(folder, { recursive: true });
  });

  it('is plain unless TLS is asked for', async () => {
    expect(await encrypted('plain', {})).to.equal(false);
    expect(await encrypted('disabled', { url: asked('disable') })).to.equal(false);
  });

  it('encrypts by sslmode=require, whoever signed the certificate', async () => {
    expect(await encrypted('required', { url: asked('require') })).to.equal(true);
    expect(await encrypted('not_verified', { ssl: { rejectUnauthorized: false } })).to.equal(true);
  });

  it('verifies who signed it by sslmode=verify-ca, and not its name', async () => {
    expect(await encrypted('verify_ca', { url: asked('verify-ca', { sslrootcert: caFile }) })).to.equal(true);
    expect(await encrypted('chain', { ssl: { ca: caFile, verifyIdentity: false } })).to.equal(true);
    expect(await refusal({ url: asked('verify-ca') })).to.match(untrusted);
    expect(await refusal({ ssl: { ca: stranger.cert, verifyIdentity: false } })).to.match(untrusted);
  });

  it('verifies who signed it by sslmode=require where there is a sslrootcert', async () => {
    expect(await encrypted('root', { url: asked('require', { sslrootcert: caFile }) })).to.equal(true);
    await writeFile(join(folder, 'stranger.pem'), stranger.cert);
    const strange = asked('require', { sslrootcert: join(folder, 'stranger.pem') });
    expect(await refusal({ url: strange })).to.match(untrusted);
  });

  it('refuses another host than the certificate names, by sslmode=verify-full and by ssl', async () => {
    for (const hostname of ['127.0.0.1', 'localhost']) {
      const from = urlWith(url, { hostname });
      const full = asked('verify-full', { sslrootcert: caFile }, from);
      expect(await refusal({ url: full })).to.include('ERR_TLS_CERT_ALTNAME_INVALID');
      expect(await refusal({ url: from, ssl: { ca: authority.cert } })).to.include('ALTNAME_INVALID');
    }
  });

  it('takes the name that it is told, for a host name and for an address', async () => {
    for (const hostname of ['127.0.0.1', 'localhost']) {
      const from = urlWith(url, { hostname });
      const ssl = { ca: authority.cert, servername: name };
      expect(await encrypted(`named ${hostname}`, { url: from, ssl })).to.equal(true);
      const other = { ...ssl, servername: 'other.example.com' };
      expect(await refusal({ url: from, ssl: other })).to.include('ALTNAME_INVALID');
    }
  });

  it('verifies by ssl: true, so that a certificate of an authority of your own is refused', async () => {
    expect(await refusal({ ssl: true })).to.match(untrusted);
  });

  it('is refused in plain text where the server wants TLS, and taken by TLS', async () => {
    const sealed = server.url('sealed');
    expect(await refusal({ url: sealed })).to.include('28000');
    const ssl = { ca: authority.cert, servername: name };
    const destination = await destinations.ready('orders', { url: sealed, ssl });
    await destination.write(makeBatch('orders', [makeRow()]), never);
  });

  it('shows a certificate of its own, from a text or from files, where the server wants one', async () => {
    const certified = server.url('certified');
    const ssl = { ca: caFile, servername: name };
    expect(await refusal({ url: certified, ssl })).to.include('28000');
    await destinations.ready('texts', { url: certified, ssl: { ...ssl, ...client } });
    const files = { cert: join(folder, 'client.pem'), key: join(folder, 'client.key') };
    await writeFile(files.cert, client.cert);
    await writeFile(files.key, client.key);
    await destinations.ready('files', { url: certified, ssl: { ...ssl, ...files } });
    const { cert: sslcert, key: sslkey } = files;
    const inUrl = asked('verify-ca', { sslrootcert: caFile, sslcert, sslkey }, certified);
    await destinations.ready('in_url', { url: inUrl });
  });

  it('reads the files anew for each connection', async () => {
    const ca = join(folder, 'renewed.pem');
    const destination = destinations.make({ ssl: { ca, servername: name } });
    expect(await refused(destination.open(never))).to.include({
      message: `warehouse: ssl.ca cannot be read from ${ca}`,
    });
    await writeFile(ca, stranger.cert);
    expect(instructionOf(await refused(destination.open(never)))).to.equal('config');
    await writeFile(ca, authority.cert);
    await destination.open(never);
  });
});
