import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Memory, MemorySpoolStore } from '../../connectors/memory/spool-store.js';
import { storeClaims } from '../../core/conformance/store/claims.js';
import type { StoreSubject } from '../../core/conformance/store/subject.js';
import { absent } from '../../core/conformance/subject.js';
import { FileSpoolStore, type FileStoreOptions } from '../support/file-spool-store.js';
import { failedNames } from './failed.js';

describe('the memory store', () => {
  const claims = storeClaims({
    create: (limit) => {
      const clock = { now: 0 };
      return { clock, memory: new Memory({ now: () => clock.now, ...(limit !== undefined && { limit }) }) };
    },
    view: ({ memory }) => new MemorySpoolStore(memory),
    shards: [0, 1, 2],
    expire: async ({ clock }, ttl) => {
      clock.now += ttl;
    },
    limit: 100_000,
    process: absent('it is gone with its process'),
    remove: async () => {},
  });
  for (const claim of claims) it(claim.name, claim.run).timeout(30_000);
});

describe('a store on a plain file, written from the contract', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-store-'));
  });
  after(() => rm(folder, { recursive: true }));

  const subject = (flaw?: FileStoreOptions['flaw']): StoreSubject<FileStoreOptions> => ({
    create: async (limit) => ({
      folder: await mkdtemp(join(folder, 'of-a-claim-')),
      ...(flaw !== undefined && { flaw }),
      ...(limit !== undefined && { limit }),
    }),
    view: (options) => new FileSpoolStore(options),
    shards: [0, 1],
    expire: (_, ttl) => sleep(ttl + 5),
    limit: 100_000,
    process:
      flaw === undefined
        ? (options) => ({
            module: new URL('../support/file-spool-store.js', import.meta.url).href,
            plugin: 'file',
            options,
          })
        : absent('what it does wrong needs no process of its own to show'),
    remove: (options) => rm(options.folder, { recursive: true }),
  });
  for (const claim of storeClaims(subject())) it(claim.name, claim.run).timeout(60_000);

  for (const [flaw, fails] of [
    [
      'takes no notice of leases',
      [
        'fences whoever was taken over, once its lease has run out',
        'fences an owner whose lease has run out, though nobody took it over',
        'fences a transaction of which one lease of several is over',
        'ends an epoch of its own, where its owner leases anew',
      ],
    ],
    [
      'numbers pages before they are written',
      ['gives each page once while several writers append and one reads'],
    ],
  ] as const) {
    it(`fails the suite where it ${flaw}, at just those claims`, async () => {
      expect(await failedNames(storeClaims(subject(flaw)))).to.deep.equal(fails);
    }).timeout(60_000);
  }
});
