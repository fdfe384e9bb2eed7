import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AdminToken } from '../../server/admin-token.js';

describe('the admin token', () => {
  let folder: string;
  let tokenFile: string;
  const value = (token?: string) =>
    new AdminToken(() => ({ host: 'localhost', port: 1, tokenFile, ...(token !== undefined && { token }) }))
      .value;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hookline-'));
    tokenFile = join(folder, 'spool', 'admin-token');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is minted once, into a file that only its user reads', () => {
    const token = value();
    expect(token).to.match(/^[0-9a-f]{64}$/);
    expect(readFileSync(tokenFile, 'utf8')).to.equal(`${token}\n`);
    expect([statSync(tokenFile).mode & 0o777, statSync(join(folder, 'spool')).mode & 0o777]).to.deep.equal([
      0o600, 0o700,
    ]);
    expect(value()).to.equal(token);
  });

  it('is minted anew where others could have read it, or where it is a link or too short', () => {
    const first = value();
    chmodSync(tokenFile, 0o640);
    const second = value();
    expect(second).not.to.equal(first);
    expect(statSync(tokenFile).mode & 0o777).to.equal(0o600);

    const theirs = join(folder, 'theirs');
    writeFileSync(theirs, 'a-token-that-they-know', { mode: 0o600 });
    rmSync(tokenFile);
    symlinkSync(theirs, tokenFile);
    expect(value()).to.match(/^[0-9a-f]{64}$/);
    expect(readFileSync(theirs, 'utf8')).to.equal('a-token-that-they-know');

    writeFileSync(tokenFile, 'fifteen-letters');
    expect(value()).to.match(/^[0-9a-f]{64}$/);
  });

  it('is the configured one, and then no file is made', () => {
    expect(value('a-configured-token')).to.equal('a-configured-token');
    expect(() => statSync(tokenFile)).to.throw('ENOENT');
  });

  it('says where it could not be written', () => {
    writeFileSync(join(folder, 'spool'), 'no folder');
    expect(() => value()).to.throw(`cannot be written to ${tokenFile} (E`);
  });
});
