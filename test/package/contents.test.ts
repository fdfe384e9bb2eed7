import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData, type Package } from '@arethetypeswrong/core';
import { expect } from 'chai';
import { packHookline } from '../support/npm.js';

describe('the npm package', function () {
  this.timeout(30_000);
  let folder: string;
  let hookline: Package;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-package-'));
    hookline = createPackageFromTarballData(await readFile(await packHookline(folder)));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it('holds the licence, the pages, the configurations and the scaffold, and nothing of the tests', () => {
    const files = hookline.listFiles().map((file) => file.replace('/node_modules/hookline/', ''));
    expect(files).to.include.members([
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'config/REFERENCE.md',
      'config/example.yaml',
      'connectors/WRITING.md',
      'connectors/snowflake/README.md',
      'core/intake/signatures/README.md',
      'server/SENDERS.md',
      'connectors/scaffold/gitignore',
      'dist/server/main.js',
    ]);
    expect(files.filter((file) => /^(dist\/)?test\/|\.ts$/.test(file) && !isPublic(file))).to.deep.equal([]);
  });

  it('has types that resolve wherever ESM is imported', async () => {
    const found = await checkPackage(hookline);
    if (found.types === false) throw new Error('it has no types');
    expect(Object.keys(found.entrypoints)).to.have.members(['./plugin', './conformance', './package.json']);
    // CommonJS, and the resolution of before there was `exports`, are not served.
    const unserved = ['node10', 'node16-cjs'];
    const served = found.problems.filter(
      (problem) => !('resolutionKind' in problem && unserved.includes(problem.resolutionKind)),
    );
    expect(served).to.deep.equal([]);
  });
});

/** TypeScript that belongs there: declarations, and what `hookline new` writes. */
function isPublic(file: string): boolean {
  return file.endsWith('.d.ts') || file.startsWith('connectors/scaffold/');
}
