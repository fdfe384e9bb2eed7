import { expect } from 'chai';
import { config } from '../../../connectors/snowflake/options.js';

/** The messages of what is wrong. */
const faults = (options: object): string[] =>
  config
    .safeParse({ account: 'org-acc', user: 'u', database: 'd', ...options })
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('the options of snowflake', () => {
  it('take a key pair, by text or by file, with a passphrase', () => {
    expect(faults({ privateKey: 'pem' })).to.deep.equal([]);
    expect(faults({ privateKeyFile: './key.p8', passphrase: 'p' })).to.deep.equal([]);
  });

  it('take a password or an OAuth token', () => {
    for (const way of [{ password: 'x' }, { token: 'x' }, { tokenFile: './token' }]) {
      expect(faults(way)).to.deep.equal([]);
    }
  });

  it('take one way to log in, and not two or none', () => {
    expect(faults({})).to.deep.equal([
      'privateKeyFile: expected privateKeyFile or privateKey; or else password, token or tokenFile',
    ]);
    expect(faults({ privateKey: 'x', password: 'y' })).to.deep.equal([
      'password: privateKey is set already: give the one or the other',
    ]);
    expect(faults({ password: 'y', passphrase: 'z' })).to.deep.equal([
      'passphrase: is of a private key: set one',
    ]);
  });

  it('take an account, an accessUrl or both, and not none', () => {
    const password = 'x';
    const accessUrl = 'https://org-acc.privatelink.snowflakecomputing.com';
    expect(faults({ password, accessUrl })).to.deep.equal([]);
    expect(faults({ password, account: undefined, accessUrl })).to.deep.equal([]);
    expect(faults({ password, account: undefined })).to.deep.equal([
      'account: expected account, or accessUrl',
    ]);
    expect(faults({ password, accessUrl: 'org-acc' })).to.have.length(1);
    expect(faults({ password, accessUrl: 'https://user:secret@host' })).to.have.length(1);
    expect(faults({ password, account: 'https://org-acc' })).to.have.length(1);
  });

  it('repeat no secret in what they find fault with', () => {
    const said = faults({ password: 'sesame', privateKey: 'sesame', passphrase: 'sesame', queryTag: 7 });
    expect(said.join()).to.not.include('sesame');
  });
});
