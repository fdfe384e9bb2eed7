import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { makeClaim } from '../../core/conformance/claim.js';
import {
  absent,
  type DestinationSubject,
  destinationClaims,
  instantiate,
  runClaims,
} from '../../core/conformance/index.js';
import { pluginOf } from '../../core/conformance/instantiate.js';
import { same } from '../../core/conformance/proof.js';
import { messageOf, type Plugin } from '../../core/index.js';
import { type Expected, failedNames } from './failed.js';
import { folderOf, readRows } from './file-destination.js';

const intact = 'file-destination';
const password = 'correct horse/battery';
const wrongPassword = 'incorrect horse';
const brokenDestinations: Readonly<Record<string, Expected>> = {
  'broken-last-row': { alone: true, fails: ['lands every row of a batch, however many there are'] },
  'broken-retry': {
    fails: [
      'adds nothing when a batch comes again, from whichever instance',
      'adds a batch once when several write it at once',
      'calls a cut connection retryable, and recovers without being opened again',
      'stores a batch once though it was killed at every step of its write',
      'keeps a batch whose write has resolved, killed at once',
      'adds a batch once when two processes write it at once',
    ],
    mayFail: [
      'can write on after its signal has fired, the same batch too',
      'holds every row once after kills at random moments and replays',
    ],
  },
  'broken-atomicity': {
    fails: [
      'stores none of a batch in which one row in the middle is refused',
      'stores a batch once though it was killed at every step of its write',
    ],
    mayFail: [
      'stops when the signal fires in the middle, and says whether it has landed',
      'holds every row once after kills at random moments and replays',
    ],
  },
  'broken-json': { alone: true, fails: ['gives every ugly JSON text back byte for byte'] },
  'broken-listing': { alone: true, fails: ['lists the request ids of a range, to the last bit of its ends'] },
  'broken-secret': { alone: true, fails: ['shows no secret in any error'] },
  'broken-abort': {
    alone: true,
    fails: ['does nothing for a signal that has fired before, and rejects'],
    mayFail: ['stops when the signal fires in the middle, and says whether it has landed'],
  },
};

let folder: string;

const moduleOf = (name: string) => new URL(`./${name}.js`, import.meta.url).href;

/** The destination of that module of this folder, over the fake warehouse in `folder`. */
async function fileSubject(name: string, alone = false): Promise<DestinationSubject> {
  const { default: exported } = (await import(moduleOf(name))) as { default: Plugin };
  const plugin = pluginOf(exported, 'destination', 'file');
  const placed = (table: string, file: string) => join(folderOf(folder, table) ?? '', file);
  return {
    make: () => instantiate(plugin, { folder, password }),
    rows: (table) => readRows(folder, table),
    describe: async () =>
      (await readdir(folder, { recursive: true })).filter((file) => !file.endsWith('.draft')).sort(),
    tables: {
      create: async (table) => {
        await mkdir(placed(table, ''));
        await writeFile(placed(table, 'columns'), 'one, two');
      },
      shapes: ['without a body'],
    },
    refused: { body: Buffer.from('"somebody@example.com \xff"', 'latin1') },
    limits: {
      body: 10 * 1024 ** 2,
      rows: 5000,
      bytes: 16 * 1024 ** 2,
      // Of a broken one less is looked at: what it breaks shows in any few.
      ...(name !== intact && { killed: 1100, listed: 5000 }),
    },
    process: alone
      ? absent('what it breaks needs no process of its own to show')
      : () => ({ module: moduleOf(name), plugin: 'file', options: { folder, password } }),
    ...(name !== intact && { kills: 6 }),
    misconfigured: {
      'wrong credentials': () => instantiate(plugin, { folder, password: wrongPassword }),
      'missing database': () => instantiate(plugin, { folder: join(folder, 'nowhere'), password }),
      'missing grant': async (table) => {
        await mkdir(placed(table, ''), { recursive: true });
        await writeFile(placed(table, 'read-only'), '');
        return instantiate(plugin, { folder, password });
      },
    },
    outage: {
      begin: () => writeFile(join(folder, 'outage'), ''),
      end: () => rm(join(folder, 'outage')),
    },
    secrets: () => [password, wrongPassword],
  };
}

describe('the conformance suites', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-conformance-'));
    await writeFile(join(folder, 'password'), password);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('passes an intact destination', async () => {
    expect(await failedNames(destinationClaims(await fileSubject(intact)))).to.deep.equal([]);
  }).timeout(120_000);

  for (const [name, { fails, mayFail = [], alone }] of Object.entries(brokenDestinations)) {
    it(`fails ${name} at the claims that it breaks, and at no other`, async () => {
      const failed = await failedNames(destinationClaims(await fileSubject(name, alone)));
      expect(failed.filter((claim) => !mayFail.includes(claim))).to.deep.equal(fails);
    }).timeout(120_000);
  }

  it('say what the obligation is, what was expected and what was seen', async () => {
    const claims = destinationClaims(await fileSubject('broken-last-row'));
    const claim = claims.find(({ name }) => name.startsWith('lands every row'));
    const error: unknown = await claim?.run().catch((thrown: unknown) => thrown);
    expect(messageOf(error)).to.equal(
      'rows in the table: expected { rows: 9460, different: 9460, missing: 0 }, ' +
        'seen { rows: 9459, different: 9459, missing: 1 } ' +
        'The obligation: every row of a batch is stored, as far as the limits go that the subject claims.',
    );
  }).timeout(20_000);

  it('show no secret in a failure about a secret', async () => {
    const claims = destinationClaims(await fileSubject('broken-secret'));
    const claim = claims.find(({ name }) => name.startsWith('shows no secret'));
    const error: unknown = await claim?.run().catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(Error);
    expect(inspect(error, { depth: 10 })).not.to.include('horse');
  });

  it('leave nothing out that the subject has not declared absent', async () => {
    const { outage, ...silent } = await fileSubject(intact);
    expect(() => destinationClaims(silent as DestinationSubject)).to.throw('says nothing of outage');
    const names = (subject: DestinationSubject) => destinationClaims(subject).map(({ name }) => name);
    const without = names({ ...silent, outage: absent('there is no connection to cut') });
    expect(names({ ...silent, outage }).filter((name) => !without.includes(name))).to.deep.equal([
      'calls a cut connection retryable, and recovers without being opened again',
      'opens once an outage is over that was there when it began',
    ]);
  });

  it('report claim by claim without a test runner', async () => {
    const lines: string[] = [];
    const claims = [
      makeClaim('adds up', 'sums are right', async () => same('1 + 1', 1 + 1, 2)),
      makeClaim('closes', 'close never fails', () => Promise.reject(new TypeError('no\nway'))),
    ];
    const { passed, failed } = await runClaims(claims, (line) => lines.push(line.replace(/\d+ ms/, '0 ms')));
    expect([passed, failed.map(({ claim }) => claim)]).to.deep.equal([claims.slice(0, 1), claims.slice(1)]);
    expect(lines).to.deep.equal([
      '✓ adds up (0 ms)',
      '✗ closes',
      '    expected no error, seen TypeError: no way',
      '    The obligation: close never fails.',
      '1 of 2 claims hold',
    ]);
  });

  it('are the package hookline/conformance, which needs no test runner and nothing of the tests', async () => {
    expect(await import('hookline/conformance')).to.equal(await import('../../core/conformance/index.js'));
    const root = fileURLToPath(new URL('../../core/conformance/', import.meta.url));
    const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.js'));
    for (const file of files) {
      const text = await readFile(join(root, file), 'utf8');
      for (const [, specifier = ''] of text.matchAll(/(?:from|import) '([^']+)'/g)) {
        const inCore = new URL(specifier, pathToFileURL(join(root, file))).href.includes('/dist/core/');
        expect(specifier.startsWith('node:') || inCore, `${file} imports ${specifier}`).to.equal(true);
      }
    }
  });
});
