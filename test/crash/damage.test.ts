import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LmdbSpool } from '../../connectors/lmdb/spool.js';
import { silent } from '../../core/conformance/instantiate.js';
import { settleAll } from '../../core/conformance/spool/records.js';
import { laneId } from '../../core/index.js';
import { Scoreboard, seed, sized } from '../support/attack.js';
import { Program } from '../support/program.js';
import { Random } from '../support/random.js';

const lane = laneId('835212', 'warehouse');
const maxSize = 16 * 1024 ** 2;
const random = new Random(seed);
const scoreboard = new Scoreboard('damaged while the server was stopped');
const times = sized(12, 150);

type Damage = (bytes: Buffer, frames: readonly number[]) => Buffer;

/** What is done to one journal file, anywhere in front of its last group. */
const damages: Readonly<Record<string, Damage>> = {
  'journals with a bit flipped': (bytes, frames) => {
    const at = random.below(frames.at(-1) as number);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    return bytes;
  },
  'journals with a block of zeros': (bytes, frames) => {
    const from = random.below(frames.at(-1) as number);
    return bytes.fill(0, from, Math.min(frames.at(-1) as number, from + 4096));
  },
  'journals with a piece cut out': (bytes, frames) => {
    const from = random.below(frames.at(-1) as number);
    const to = Math.min(frames.at(-1) as number, from + 1 + random.below(3000));
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
};

describe('a spool whose files were damaged while nobody looked', function () {
  this.timeout(300_000);
  let folder: string;
  let master: string;
  let acked: string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-damage-'));
    master = join(folder, 'master');
    const log = join(folder, 'log');
    await writeFile(log, '');
    await new Program('lmdb-append', [
      master,
      log,
      lane,
      '1',
      '1900',
      '3000',
      String(maxSize),
      String(seed),
    ]).done();
    acked = (await readFile(log, 'utf8')).split('\n').slice(0, -1);
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
    scoreboard.print();
  });

  /** Damages a copy, lands what is there, and gives what landed, what was said, and which files were kept. */
  const survived = async (damage: (journals: readonly string[]) => Promise<void>) => {
    const path = join(folder, 'copy');
    await cp(master, path, { recursive: true });
    const [name = ''] = (await readdir(path)).filter((entry) => entry.startsWith('journal-'));
    const files = (await readdir(join(path, name))).filter((file) => file.endsWith('.journal')).sort();
    const journals = files.map((file) => join(path, name, file));
    await damage(journals);
    // Whose header is gone could be somebody's who still writes to it, for a minute.
    const before = Date.now() / 1000 - 120;
    for (const journal of journals) if (existsSync(journal)) await utimes(journal, before, before);
    const errors: string[] = [];
    const note = (_: object, message: string) => errors.push(message);
    const spool = new LmdbSpool({ path, maxSize }, { error: note, warn: note });
    try {
      await spool.open();
      await spool.claim(AbortSignal.timeout(5000));
      const landed = await settleAll(spool, lane);
      expect((await spool.depth(lane)).records).to.equal(0);
      const kept = (await readdir(join(path, name))).filter((file) => file.endsWith('.damaged'));
      return { landed, errors, kept };
    } finally {
      await spool.close();
      await rm(path, { recursive: true, force: true });
    }
  };

  for (const [what, damage] of Object.entries(damages)) {
    it(`says so, and lands the rest in order: ${times} ${what}`, async () => {
      for (let round = 0; round < times; round++) {
        let damaged = new Set<string>();
        const { landed, errors } = await survived(async (journals) => {
          const file = random.of(journals);
          const bytes = await readFile(file);
          const frames = [...bytes.toString('latin1').matchAll(/HFRM/g)].map(({ index }) => index);
          const after = damage(Buffer.from(bytes), frames);
          await writeFile(file, after);
          damaged = touched(bytes, after, frames);
        });
        const found = new Set(landed);
        const lost = acked.filter((id) => !found.has(id));
        expect(landed, `SEED=${seed}, round ${round}`).to.deep.equal(acked.filter((id) => found.has(id)));
        expect(lost.filter((id) => !damaged.has(id))).to.deep.equal([]);
        if (lost.length > 0)
          expect(errors.join('\n')).to.match(/journal .* is damaged: .* look after the disk/);
      }
      scoreboard.add(what, times);
    });
  }

  it(`says so when a bit is flipped in the very last group, and lands the rest: ${times} journals`, async () => {
    for (let round = 0; round < times; round++) {
      const { landed, errors } = await survived(async (journals) => {
        const file = journals.at(-1) as string;
        const bytes = await readFile(file);
        const last = bytes.lastIndexOf('HFRM');
        const at = last + random.below(bytes.length - last);
        bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
        await writeFile(file, bytes);
      });
      expect(landed, `SEED=${seed}, round ${round}`).to.deep.equal(acked.slice(0, -1));
      expect(errors.join('\n')).to.match(/ends with a group that is not whole: .* look after the disk/);
    }
    scoreboard.add('journals with a bit flipped in the last group', times);
  });

  it('names and keeps the file of which the last group is damaged, and not the one that follows it', async () => {
    for (let round = 0; round < times; round++) {
      const { landed, errors, kept } = await survived(async ([first = '']) => {
        const bytes = await readFile(first);
        const last = bytes.lastIndexOf('HFRM');
        const at = last + random.below(bytes.length - last);
        bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
        await writeFile(first, bytes);
      });
      expect(landed, `SEED=${seed}, round ${round}`).to.have.length(acked.length - 1);
      expect(errors.join('\n')).to.match(/0001\.\w+ is damaged: its last 1 groups are missing/);
      expect(errors).to.have.length(1);
      expect(kept.map((file) => file.slice(-'0001.damaged'.length))).to.deep.equal(['0001.damaged']);
    }
    scoreboard.add('journals with a bit flipped in the last group of one that has a later one', times);
  });

  it(`lands no record of which a bit was flipped in the data file, and all the others: ${times}`, async () => {
    const imported = join(folder, 'imported');
    await cp(master, imported, { recursive: true });
    const spool = new LmdbSpool({ path: imported, maxSize }, silent);
    await spool.open();
    await spool.pending();
    await spool.close();
    const bytes = await readFile(join(imported, 'data.mdb'));
    for (let round = 0; round < times; round++) {
      const id = random.of(acked);
      const copy = Buffer.from(bytes);
      // From the flags on to the end of the shortest body.
      const [offset, bit] = [13 - 22 + random.below(79), 1 << random.below(8)];
      for (let at = copy.indexOf(id); at >= 0; at = copy.indexOf(id, at + 1)) {
        copy[at + offset] = (copy[at + offset] as number) ^ bit;
        if (offset >= 0 && offset < 20) at += 20;
      }
      await writeFile(join(imported, 'data.mdb'), copy);
      const again = new LmdbSpool({ path: imported, maxSize }, silent);
      await again.open();
      const rows = await again.read(lane, { rows: acked.length, bytes: 1024 ** 3 });
      await again.close();
      const whole = rows.filter(({ damaged }) => damaged !== true).map(({ requestId }) => requestId);
      expect(rows.length, `SEED=${seed}, round ${round}`).to.equal(acked.length);
      expect(whole.toSorted()).to.deep.equal(acked.filter((other) => other !== id).toSorted());
    }
    scoreboard.add('records with a bit flipped in the data file', times);
  });

  it('says how many groups are missing when a file is gone that has a later one', async () => {
    const { landed, errors } = await survived(([first = '']) => rm(first));
    expect(landed.length).to.be.within(1, acked.length - 1);
    const found = new Set(landed);
    expect(landed).to.deep.equal(acked.filter((id) => found.has(id)));
    expect(errors).to.have.length(1);
    expect(errors[0]).to.include(`${acked.length - landed.length} groups`);
    scoreboard.add('journals with a file removed from their midst', 1);
  });

  it('says how many groups are missing when a file is cut off that has a later one, wherever it is cut', async () => {
    for (let round = 0; round < times; round++) {
      const { landed, errors } = await survived(async ([first = '']) => {
        await truncate(first, random.below((await readFile(first)).length));
      });
      const found = new Set(landed);
      expect(landed).to.deep.equal(acked.filter((id) => found.has(id)));
      expect(errors.join('\n'), `SEED=${seed}, round ${round}`).to.include(
        `${acked.length - landed.length} groups`,
      );
    }
    scoreboard.add('journals cut off', times);
  });
});

/** The ids in frames with a damaged byte: the others are where they were, or so far off as a piece is gone. */
function touched(before: Buffer, after: Buffer, frames: readonly number[]): Set<string> {
  const shift = after.length - before.length;
  const damaged = frames
    .map((from, at) => ({ from, bytes: before.subarray(from, frames[at + 1]) }))
    .filter(({ from, bytes }) =>
      [from, from + shift].every((at) => at < 0 || !bytes.equals(after.subarray(at, at + bytes.length))),
    );
  return new Set(damaged.map(({ bytes }) => idIn(bytes)));
}

/** Each frame has one record: its header, the lanes' names, the entry with version, flags and timestamp in front. */
function idIn(frame: Buffer): string {
  const at = 18 + 2 + lane.length + 4 + 22;
  return frame.toString('latin1', at, at + 20);
}
