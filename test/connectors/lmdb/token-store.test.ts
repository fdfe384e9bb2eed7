import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LmdbTokenStore } from '../../../connectors/lmdb/token-store.js';
import { absent, makeToken, tokenStoreClaims } from '../../../core/conformance/index.js';
import { instructionOf, messageOf } from '../../../core/index.js';

describe('the lmdb token store', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-tokens-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const claims = tokenStoreClaims({
    make: () => new LmdbTokenStore({ path: join(folder, 'tokens') }),
    changes: 'by create and setActive',
    misconfigured: {
      'wrong credentials': absent('a folder has no password'),
      'missing database': absent('a missing folder is made'),
      'missing grant': absent('root is refused nothing on a file system'),
    },
    outage: absent('there is no connection to cut'),
    secrets: () => [],
  });
  for (const claim of claims) it(claim.name, claim.run);

  it('makes its folder for its own user alone', async () => {
    const store = new LmdbTokenStore({ path: join(folder, 'deep', 'tokens') });
    await store.open();
    await store.create(makeToken());
    await store.close();
    expect((await stat(join(folder, 'deep', 'tokens'))).mode & 0o777).to.equal(0o700);
    expect((await stat(join(folder, 'deep', 'tokens', 'data.mdb'))).mode & 0o777).to.equal(0o600);
  });

  it('refuses a damaged file with a ConfigError that names it, and leaves it as it is', async () => {
    const file = join(folder, 'data.mdb');
    await writeFile(file, 'not a database');
    const store = new LmdbTokenStore({ path: folder });
    const error: unknown = await store.open().catch((thrown: unknown) => thrown);
    await store.close();
    expect(instructionOf(error)).to.equal('config');
    expect(messageOf(error)).to.include(folder).and.include('damaged');
    expect(await readFile(file, 'utf8')).to.equal('not a database');
  });
});
