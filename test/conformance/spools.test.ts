import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Claim, instantiate, spoolClaims } from '../../core/conformance/index.js';
import { pluginOf } from '../../core/conformance/instantiate.js';
import spools from './broken-spools.js';
import { type Expected, failedNames } from './failed.js';

const brokenSpools: Readonly<Record<string, Expected>> = {
  'acknowledges-early': {
    fails: ['keeps every acknowledged record over SIGKILL at any moment'],
    mayFail: [
      'refuses appends at its limit, goes on settling, and takes appends again when there is room',
      'keeps a record in all of its lanes or in none when it is full',
    ],
  },
  'settles-in-parts': {
    fails: [
      'keeps where it landed, and forgets what it is told to',
      'keeps a receipt of each row that lands, and finds it',
      'loses and doubles nothing when the loader is killed at every step',
    ],
    mayFail: ['loses and doubles nothing when the loader is killed again and again'],
  },
};

let folder: string;

function brokenSpoolClaims(name: string): Claim[] {
  const location = (path: string, maxSize: number) => ({
    module: new URL('./broken-spools.js', import.meta.url).href,
    plugin: name,
    options: { path, maxSize },
  });
  return spoolClaims<{ readonly path: string; readonly maxSize: number }>({
    create: async (maxSize = 1024 ** 3) => ({ path: await mkdtemp(join(folder, 'spool-')), maxSize }),
    view: (options) => instantiate(pluginOf(spools, 'spool', name), options, 'spool'),
    process: ({ path, maxSize }) => location(path, maxSize),
    limit: 4 * 1024 ** 2,
    unproven: 0.4 * 1024 ** 2,
    quarantine: true,
    receipts: true,
    serials: true,
    // What a broken one breaks shows at most of the steps.
    kills: 8,
    remove: ({ path }) => rm(path, { recursive: true }),
  });
}

describe('the conformance suites', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-conformance-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  for (const [name, { fails, mayFail = [] }] of Object.entries(brokenSpools)) {
    it(`fails the spool that ${name.replaceAll('-', ' ')} at the claims that it breaks, and at no other`, async () => {
      const failed = await failedNames(brokenSpoolClaims(name));
      expect(failed.filter((claim) => !mayFail.includes(claim))).to.deep.equal(fails);
    }).timeout(120_000);
  }
});
