import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LmdbSpool } from '../../../connectors/lmdb/spool.js';
import { silent } from '../../../core/conformance/instantiate.js';
import { fill, ids, lane, sealNext, settleAll } from '../../../core/conformance/spool/records.js';
import { Random } from '../../support/random.js';

const random = new Random(20261127);
const maxSize = 16 * 1024 ** 2;

/** How the values that are kept twice begin in the data file. */
const kinds = {
  'how far its journals were read': /\{"\d+":\{"segment":[^}]*\}\}/g,
  'a batch': /\{"id":"[^}]*?"ranges":\[[^\]]*\][^}]*\}/g,
} as const;

describe("what an LMDB spool's data file has twice", () => {
  let folder: string;
  let acked: string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-twice-'));
    const spool = new LmdbSpool({ path: join(folder, 'running'), maxSize }, silent);
    await spool.open();
    await spool.claim(AbortSignal.timeout(5000));
    const sealed = await fill(spool, lane, 30);
    await sealNext(spool, lane, 20);
    // These are in the journal only, of which the first ones have been read.
    acked = ids([...sealed, ...(await fill(spool, lane, 10))]);
    await cp(join(folder, 'running'), join(folder, 'master'), { recursive: true });
    await spool.close();
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  /** Flips a bit in the given copies of such values, in a copy of the folder, and lands what is there. */
  const survived = async (kind: RegExp, copies: readonly number[]) => {
    const path = join(folder, 'copy');
    await cp(join(folder, 'master'), path, { recursive: true });
    const file = join(path, 'data.mdb');
    const bytes = await readFile(file);
    const found = [...bytes.toString('latin1').matchAll(kind)];
    expect(found.length, 'each is there twice')
      .to.be.above(0)
      .and.satisfy((n: number) => n % 2 === 0);
    for (const [index, { 0: text, index: from }] of found.entries()) {
      if (!copies.includes(index % 2)) continue;
      const at = from + random.below(text.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    }
    await writeFile(file, bytes);
    const errors: string[] = [];
    const note = (_: object, message: string) => errors.push(message);
    const spool = new LmdbSpool({ path, maxSize }, { error: note, warn: note });
    try {
      await spool.open();
      await spool.claim(AbortSignal.timeout(5000));
      return { landed: await settleAll(spool, lane).catch(String), errors };
    } finally {
      await spool.close();
      await rm(path, { recursive: true });
    }
  };

  for (const [what, kind] of Object.entries(kinds)) {
    for (const copy of [0, 1]) {
      it(`${what}: lands all once, and says so, when copy ${copy + 1} has a bit flipped`, async () => {
        for (let round = 0; round < 30; round++) {
          const { landed, errors } = await survived(kind, [copy]);
          expect(landed).to.have.members(acked);
          expect(landed).to.have.length(acked.length);
          expect(errors).to.have.length(1);
          expect(errors[0]).to.include(
            `one of the two copies of ${what} in the spool's data.mdb was changed`,
          );
        }
      });
    }

    it(`${what}: lands nothing twice when both have, and says why it stands still`, async () => {
      for (let round = 0; round < 10; round++) {
        const { landed } = await survived(kind, [0, 1]);
        expect(landed).to.be.a('string').that.includes(`both copies of ${what} in the spool's data.mdb`);
      }
    });
  }
});
