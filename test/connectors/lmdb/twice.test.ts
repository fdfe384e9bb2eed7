import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LmdbSpool } from '../../../connectors/lmdb/spool.js';
import { silent } from '../../../core/conformance/instantiate.js';
import { bury, fill, ids, lane, sealNext, settleAll } from '../../../core/conformance/spool/records.js';
import { Random } from '../../support/random.js';

const random = new Random(20261127);
const maxSize = 16 * 1024 ** 2;
/** Bytes in front of each copy. */
const sumLength = 4;

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

  /** Opens a copy of a folder of which the data file was changed, and does something there. */
  const survived = async <T>(change: (bytes: Buffer) => void, act: (spool: LmdbSpool) => Promise<T>) => {
    const path = join(folder, 'copy');
    await cp(join(folder, 'master'), path, { recursive: true });
    const file = join(path, 'data.mdb');
    const bytes = await readFile(file);
    change(bytes);
    await writeFile(file, bytes);
    const errors: string[] = [];
    const note = (_: object, message: string) => errors.push(message);
    const spool = new LmdbSpool({ path, maxSize }, { error: note, warn: note });
    try {
      await spool.open();
      await spool.claim(AbortSignal.timeout(5000));
      return { seen: await act(spool).catch(String), errors };
    } finally {
      await spool.close();
      await rm(path, { recursive: true });
    }
  };

  const flip = (bytes: Buffer, from: number, length: number) => {
    const at = from + random.below(length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  };

  /** Flips a bit in the given copies of such values, and lands what is there. */
  const landed = (kind: RegExp, copies: readonly number[]) =>
    survived(
      (bytes) => {
        const found = [...bytes.toString('latin1').matchAll(kind)];
        expect(found.length, 'each is there twice')
          .to.be.above(0)
          .and.satisfy((n: number) => n % 2 === 0);
        for (const [index, { 0: text, index: from }] of found.entries()) {
          if (copies.includes(index % 2)) flip(bytes, from, text.length);
        }
      },
      (spool) => settleAll(spool, lane),
    );

  /** Flips a bit of a key, wherever it stands in the file: LMDB leaves pages of before behind. */
  const withoutKey = <T>(key: string, act: (spool: LmdbSpool) => Promise<T>, behind = '') =>
    survived((bytes) => {
      const [at, bit] = [random.below(key.length), 1 << random.below(8)];
      const found = [...bytes.toString('latin1').matchAll(new RegExp(key + behind, 'g'))];
      expect(found).to.not.have.length(0);
      for (const { index } of found) bytes[index + at] = (bytes[index + at] as number) ^ bit;
    }, act);

  for (const [what, kind] of Object.entries(kinds)) {
    for (const copy of [0, 1]) {
      it(`${what}: lands all once, and says so, when copy ${copy + 1} has a bit flipped`, async () => {
        for (let round = 0; round < 30; round++) {
          const { seen, errors } = await landed(kind, [copy]);
          expect(seen).to.have.members(acked);
          expect(seen).to.have.length(acked.length);
          expect(errors).to.have.length(1);
          expect(errors[0]).to.include(
            `one of the two copies of ${what} in the spool's data.mdb was changed`,
          );
        }
      });
    }

    it(`${what}: lands nothing twice when both have, and says why it stands still`, async () => {
      for (let round = 0; round < 10; round++) {
        const { seen } = await landed(kind, [0, 1]);
        expect(seen).to.be.a('string').that.includes(`both copies of ${what} in the spool's data.mdb`);
      }
    });
  }

  it('how far its journals were read: reads none of them anew when the key has a bit flipped', async () => {
    for (let round = 0; round < 10; round++) {
      const { seen } = await withoutKey('places', (spool) => settleAll(spool, lane));
      expect(seen).to.include("how far its journals were read is missing in the spool's data.mdb");
    }
  });

  it('the count of its writers: gives no number again, and keeps a dead letter, when the key has a bit flipped', async () => {
    for (let round = 0; round < 10; round++) {
      const { seen } = await withoutKey('writers', async (spool) => {
        await bury(spool, lane, 1);
        const [letter] = await spool.dead({});
        if (letter === undefined) throw new Error('there is no dead letter');
        const failure = await spool.revive(letter).catch(String);
        return [failure, (await spool.dead({})).length];
      });
      const [failure, left] = seen;
      expect(failure).to.include("the count of its writers is missing in the spool's data.mdb");
      expect(left).to.equal(1);
    }
  });

  it('its id: takes nobody for a new spool whose key has a bit flipped', async () => {
    for (let round = 0; round < 10; round++) {
      const refusal = await withoutKey('id', (spool) => settleAll(spool, lane), '(?=[^]{4}\\d{6})').catch(
        String,
      );
      expect(refusal).to.include("its id is missing in the spool's data.mdb");
    }
  });

  for (const [what, from, length] of [
    ['lane', 0, lane.length],
    ['place', lane.length + 1, 12],
  ] as const) {
    it(`a batch: seals none of its rows anew when the ${what} in its key has a bit flipped`, async () => {
      for (let round = 0; round < 30; round++) {
        const { seen } = await survived(
          (bytes) => {
            const [at, bit] = [from + random.below(length), 1 << random.below(8)];
            const values = [...bytes.toString('latin1').matchAll(kinds['a batch'])].filter(
              (_, n) => n % 2 === 0,
            );
            for (const { index } of values) {
              const key = index - sumLength - (lane.length + 1 + 12);
              expect(bytes.toString('latin1', key, key + lane.length)).to.equal(lane);
              bytes[key + at] = (bytes[key + at] as number) ^ bit;
            }
          },
          (spool) => settleAll(spool, lane),
        );
        expect(seen)
          .to.be.a('string')
          .that.includes("the key of a batch in the spool's data.mdb was changed");
      }
    });
  }
});
