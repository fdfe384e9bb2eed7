import { cp, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { LmdbSpool } from '../../../connectors/lmdb/spool.js';
import { fill, ids, makeRecord, settleAll } from '../../../core/conformance/spool/records.js';
import { laneId, type Spool } from '../../../core/index.js';
import { Program } from '../../support/program.js';

const lane = laneId('835212', 'warehouse');
const plenty = { rows: 1_000_000, bytes: 1e9 } as const;
const mebibyte = 1024 ** 2;

describe('the journal of the lmdb spool', () => {
  let folder: string;
  let path: string;
  let log: string;
  let spools: Spool[];
  let errors: string[];
  let warnings: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-journal-'));
    path = join(folder, 'spool');
    log = join(folder, 'log');
    spools = [];
    errors = [];
    warnings = [];
  });

  afterEach(async () => {
    for (const spool of spools) await spool.close();
    await rm(folder, { recursive: true, force: true });
  });

  const open = async (maxSize = 1024 * mebibyte): Promise<Spool> => {
    const spool = new LmdbSpool(
      { path, maxSize },
      { error: (_, message) => errors.push(message), warn: (_, message) => warnings.push(message) },
    );
    spools.push(spool);
    await spool.open();
    return spool;
  };
  /** Another process appends so many records, one after the other, and ends; their ids. */
  const appended = async (count: number, maxSize?: number, body = 600): Promise<string[]> => {
    const before = (await logged()).length;
    const args = [path, log, lane, 1, count, body, ...(maxSize === undefined ? [] : [maxSize])];
    await new Program('lmdb-append', args.map(String)).done();
    return (await logged()).slice(before);
  };
  const logged = async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').slice(0, -1);
  const journals = async () => {
    const [name = ''] = (await readdir(path)).filter((entry) => entry.startsWith('journal-'));
    const files = (await readdir(join(path, name))).filter((file) => !file.endsWith('.spare'));
    return files.sort().map((file) => join(path, name, file));
  };
  const only = async () => (await journals())[0] as string;
  const landed = async () => {
    const spool = await open();
    await spool.claim(AbortSignal.timeout(5000));
    return settleAll(spool, lane);
  };

  it('is removed once its process is gone and its records are elsewhere', async () => {
    const all = await appended(300);
    expect(await journals()).to.have.length(1);
    const spool = await open();
    expect(ids(await spool.read(lane, plenty))).to.deep.equal(all);
    expect(await journals()).to.deep.equal([]);
    expect(ids(await spool.read(lane, plenty))).to.deep.equal(all);
    expect(errors).to.deep.equal([]);
  });

  it('goes on in further files, each removed once it was read', async () => {
    const spool = await open(16 * mebibyte);
    await spool.claim(AbortSignal.timeout(5000));
    const body = Buffer.alloc(100_000, '1');
    const sent: string[] = [];
    const found: string[] = [];
    for (let round = 0; round < 10; round++) {
      for (let n = 0; n < 30; n++) {
        const record = makeRecord({ body });
        await spool.append([lane], record);
        sent.push(record.requestId);
      }
      expect((await journals()).length).to.be.within(2, 5);
      found.push(...(await settleAll(spool, lane)));
      expect(await journals()).to.have.length(1);
    }
    expect(found).to.deep.equal(sent);
    expect(errors).to.deep.equal([]);
  });

  it('is not read to its end for a depth that is enough', async () => {
    const spool = await open(256 * mebibyte);
    const body = Buffer.alloc(100_000, '1');
    for (let count = 0; count < 200; count++) await spool.append([lane], makeRecord({ body }));
    const { records } = await spool.depth(lane, { rows: 10, bytes: 256 * mebibyte });
    expect(records).to.be.within(11, 100);
    expect((await spool.depth(lane, { rows: 1000, bytes: mebibyte })).records).to.be.within(11, 100);
    expect((await spool.depth(lane)).records).to.equal(200);
  });

  it('gives everything in order when it was cut into many files before anyone read it', async () => {
    const all = await appended(2000, 16 * mebibyte, 6000);
    expect((await journals()).length).to.be.greaterThan(3);
    expect(await landed()).to.deep.equal(all);
    expect(await journals()).to.deep.equal([]);
    expect(errors).to.deep.equal([]);
  });

  it('may end anywhere within a write that nobody was told of', async () => {
    for (const cutOff of [1, 100, 'all but one', 'all but twenty'] as const) {
      const all = await appended(20);
      const file = await only();
      const bytes = await readFile(file);
      const last = bytes.lastIndexOf('HFRM');
      const length = { 'all but one': last + 1, 'all but twenty': last + 20 };
      await truncate(file, typeof cutOff === 'number' ? bytes.length - cutOff : length[cutOff]);
      const spool = await open();
      expect(ids(await spool.read(lane, plenty))).to.deep.equal(all.slice(0, -1));
      await spool.close();
      await rm(path, { recursive: true });
    }
    expect(errors).to.deep.equal([]);
    // Of the one that was cut to a single byte nothing shows.
    expect(warnings).to.have.length(3);
    for (const text of warnings) expect(text).to.include('it was cut off as its process ended');
  });

  it('is reported when bytes in its midst have changed; the rest lands, and the file is kept', async () => {
    const all = await appended(50);
    const file = await only();
    const bytes = await readFile(file);
    const frames = [...bytes.toString('latin1').matchAll(/HFRM/g)].map(({ index }) => index);
    bytes[(frames[20] as number) + 60] = (bytes[(frames[20] as number) + 60] as number) ^ 1;
    bytes.fill(0, frames[30], frames[33]);
    await writeFile(file, bytes);
    expect(await landed()).to.deep.equal(
      all.filter((_, index) => index !== 20 && !(index >= 30 && index < 33)),
    );
    expect(errors).to.have.length(2);
    for (const error of errors)
      expect(error).to.include(file.replace('.journal', '')).and.include('look after the disk');
    expect(errors[0]).to.include('1 groups');
    expect(errors[1]).to.include('3 groups');
    expect(await journals()).to.deep.equal([file.replace('.journal', '.damaged')]);
  });

  it('is reported when one of its files is missing, or its header; the rest lands', async () => {
    const all = await appended(2000, 16 * mebibyte, 6000);
    const [, second, third] = (await journals()) as [string, string, string];
    await rename(second, join(folder, 'lost'));
    const bytes = await readFile(third);
    bytes.fill(0, 0, 20);
    await writeFile(third, bytes);
    const found = await landed();
    expect(found.length).to.be.within(1000, 1950);
    expect(found).to.deep.equal(all.filter((id) => found.includes(id)));
    expect(errors).to.have.length(2);
    expect(errors[0]).to.include(`${third} is damaged: its header cannot be read`);
    expect(errors[1])
      .to.include(`${third} is damaged: `)
      .and.include(`${2000 - found.length} groups`);
    expect(await journals()).to.deep.equal([third.replace('.journal', '.damaged')]);
  });

  it('goes on in another file when a reader takes its living process for gone, and loses nothing', async () => {
    const spool = await open();
    await spool.claim(AbortSignal.timeout(5000));
    const sent: string[] = [];
    for (let round = 0; round < 20; round++) {
      const before = (await journals()).find((file) => file.endsWith('.journal'));
      const appends = Array.from({ length: 10 }, async () => {
        const record = makeRecord({});
        await spool.append([lane], record).then(
          () => sent.push(record.requestId),
          () => undefined,
        );
      });
      if (before !== undefined) await rename(before, before.replace('.journal', '.closed'));
      await Promise.all(appends);
      await spool.depth(lane);
    }
    expect(sent.length).to.be.greaterThan(50);
    const found = await settleAll(spool, lane);
    expect(new Set(found).size).to.equal(found.length);
    expect(sent.filter((id) => !found.includes(id))).to.deep.equal([]);
    expect(errors).to.deep.equal([]);
  });

  it('never takes a number whose file is there, as of an older copy that was put back', async () => {
    const first = await appended(7);
    const copy = join(folder, 'copy');
    await cp(join(path, 'data.mdb'), copy);
    const second = await appended(5);
    await cp(copy, join(path, 'data.mdb'));
    const third = await appended(3);
    expect((await landed()).sort()).to.deep.equal([...first, ...second, ...third].sort());
  });

  it('counts only what waits, also in files that lie over older and longer ones', async () => {
    const spools = await Promise.all([1, 2, 3, 4].map(() => open(64 * mebibyte)));
    const [loader] = spools as [Spool];
    await loader.claim(AbortSignal.timeout(5000));
    const body = Buffer.alloc(1_000_000, '1');
    for (let round = 0; round < 6; round++) {
      for (const spool of spools) {
        for (let n = 0; n < 9; n++) await spool.append([lane], makeRecord({ body }));
        await settleAll(loader, lane);
      }
    }
    for (const spool of spools) await spool.check(AbortSignal.timeout(1000));
  }).timeout(60_000); // It flushes 216 MB.

  it('is read by several at once, each record once', async () => {
    const views = await Promise.all([open(), open(), open()]);
    const programs = [1, 2].map(() => new Program('lmdb-append', [path, log, lane, '16', '1500']));
    let writing = true;
    const done = Promise.all(programs.map((program) => program.done())).finally(() => {
      writing = false;
    });
    await Promise.all(
      views.map(async (view) => {
        while (writing) {
          await view.depth(lane);
          await sleep(Math.random() * 4);
        }
      }),
    );
    await done;
    const found = await landed();
    expect(found.length).to.equal(3000);
    expect(found.sort()).to.deep.equal((await logged()).sort());
    expect(errors).to.deep.equal([]);
  });

  it('keeps the order of each writer, whichever processes move it and whatever the clocks say', async () => {
    const [first, second, reader, other] = await Promise.all([open(), open(), open(), open()]);
    const sent = { first: [] as string[], second: [] as string[] };
    const append = async (name: 'first' | 'second', timestamp: number) => {
      const record = makeRecord({ timestamp });
      await { first, second }[name].append([lane], record);
      sent[name].push(record.requestId);
    };
    await append('first', 20);
    await reader.depth(lane);
    await append('second', 11);
    await reader.depth(lane);
    await append('second', 12);
    await other.depth(lane);
    await append('first', 5);
    await reader.depth(lane);
    const found = await landed();
    for (const ids of Object.values(sent)) expect(found.filter((id) => ids.includes(id))).to.deep.equal(ids);
  });

  it('is reported when it is gone though its end was never read', async () => {
    const program = new Program('lmdb-append', [path, log, lane, '1', '0', '600']);
    while ((await logged()).length < 50) await sleep(10);
    const spool = await open();
    await spool.depth(lane);
    const before = (await logged()).length;
    while ((await logged()).length < before + 50) await sleep(10);
    await program.kill();
    const all = await logged();
    const file = await only();
    await rm(file);
    const found = await landed();
    expect(found.length).to.be.within(50, all.length - 1);
    expect(found).to.deep.equal(all.slice(0, found.length));
    expect(errors).to.have.length(1);
    expect(errors[0]).to.include(`${file} is missing`).and.include('put the file back');
  });

  it('of a spool whose data file is gone is left alone, and said so', async () => {
    await appended(10);
    await rm(join(path, 'data.mdb'));
    const spool = await open();
    expect(errors).to.have.length(1);
    expect(errors[0]).to.include(path).and.include('data.mdb');
    const records = await fill(spool, lane, 5);
    expect(ids(await spool.read(lane, plenty))).to.deep.equal(ids(records));
    expect((await readdir(path)).filter((entry) => entry.startsWith('journal-'))).to.have.length(2);
  });
});
