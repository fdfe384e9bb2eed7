import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import plugins from '../../../connectors/lmdb/index.js';
import type { LmdbSpoolOptions } from '../../../connectors/lmdb/parts.js';
import { LmdbSpool } from '../../../connectors/lmdb/spool.js';
import { spoolClaims } from '../../../core/conformance/index.js';
import { fill, ids, makeRecord, sealNext, settleAll } from '../../../core/conformance/spool/records.js';
import { instructionOf, laneId, messageOf, type Spool } from '../../../core/index.js';
import { Program } from '../../support/program.js';

const lane = laneId('835212', 'warehouse');
const plenty = { rows: 1_000_000, bytes: 1e9 } as const;
const gibibyte = 1024 ** 3;

describe('the lmdb spool', () => {
  let folder: string;
  let path: string;
  let log: string;
  let programs: Program[];
  let spools: Spool[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-spool-'));
    path = join(folder, 'spool');
    log = join(folder, 'log');
    await writeFile(log, '');
    programs = [];
    spools = [];
  });

  afterEach(async () => {
    for (const program of programs) await program.kill();
    for (const spool of spools) await spool.close();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (name: string, args: (string | number)[], limits?: string) => {
    const program = new Program(name, args.map(String), limits);
    programs.push(program);
    return program;
  };
  const open = async (maxSize = gibibyte): Promise<Spool> => {
    const spool = new LmdbSpool({ path, maxSize }, console);
    spools.push(spool);
    await spool.open();
    return spool;
  };
  const claimed = async () => {
    const spool = await open();
    await spool.claim(AbortSignal.timeout(20_000));
    return spool;
  };
  const logged = async () => (await readFile(log, 'utf8')).split('\n').slice(0, -1);
  const untilLogged = async (lines: number) => {
    const deadline = Date.now() + 15_000;
    while ((await logged()).length < lines) {
      const [last] = programs.slice(-1);
      if (Date.now() > deadline) throw new Error(`the log stays short: ${last?.output}`);
      await sleep(10);
    }
  };

  describe('as any spool', () => {
    const claims = spoolClaims<LmdbSpoolOptions>({
      create: (limit = gibibyte) => ({ path, maxSize: limit }),
      view: (options) => new LmdbSpool(options, console),
      process: (options) => ({
        module: new URL('../../../connectors/lmdb/index.js', import.meta.url).href,
        plugin: 'lmdb',
        options,
      }),
      limit: 4 * 1024 ** 2,
      unproven: 0.4 * 1024 ** 2,
      quarantine: true,
      receipts: true,
      serials: true,
      remove: async () => {},
    });
    for (const claim of claims) it(claim.name, claim.run).timeout(60_000);
  });

  it('is refused to a second process while the first one lives, with its pid and what to do', async () => {
    const spool = await open();
    const loader = run('lmdb-load', [path, log, lane]);
    await untilLogged(1);
    const error: unknown = await spool.claim(AbortSignal.timeout(20_000)).catch((thrown: unknown) => thrown);
    expect(instructionOf(error)).to.equal('config');
    expect(messageOf(error)).to.include(String(loader.pid)).and.include(path).and.include('stop it');
    await loader.kill();
    await spool.claim(AbortSignal.timeout(1_000));
    await fill(spool, lane, 1);
    await sealNext(spool, lane, 1);
  });

  it('gives up waiting for the claim when the signal fires', async () => {
    const spool = await open();
    run('lmdb-load', [path, log, lane]);
    await untilLogged(1);
    const signal = AbortSignal.timeout(300);
    const error: unknown = await spool.claim(signal).catch((thrown: unknown) => thrown);
    // Where it waits on, it says after a while who has the spool.
    expect(instructionOf(error)).not.to.equal('config');
    expect(signal.aborted).to.equal(true);
  });

  it('refuses appends at maxSize, goes on settling, and takes appends again when there is room', async () => {
    const maxSize = 4 * 1024 * 1024;
    const spool = await open(maxSize);
    await spool.claim(AbortSignal.timeout(1_000));
    const body = Buffer.alloc(100_000, '1');
    let appended = 0;
    const untilRefused = async (filler: Buffer) => {
      for (;;) {
        const refusal: unknown = await spool
          .append([lane], makeRecord({ body: filler }))
          .catch((thrown) => thrown);
        if (refusal !== undefined) return refusal;
        appended++;
      }
    };
    const refusal = await untilRefused(body);
    expect(appended).to.be.within(30, 42);
    expect(instructionOf(refusal)).to.equal('overloaded');
    expect(messageOf(refusal)).to.include(path).and.include('4MiB');
    const check = () => spool.check(AbortSignal.timeout(1_000)).catch((thrown: unknown) => thrown);
    let checked = await check();
    while (checked === undefined) {
      await untilRefused(Buffer.from('1'));
      checked = await check();
    }
    expect(instructionOf(checked)).to.equal('overloaded');
    expect(await settleAll(spool, lane, 10)).to.have.length(appended);
    await spool.check(AbortSignal.timeout(1_000));
    await sleep(10);
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 30 }, () => spool.append([lane], makeRecord({ body }))));
      await settleAll(spool, lane, 10);
    }
    expect((await stat(join(path, 'data.mdb'))).size).to.be.lessThan(4 * maxSize);
  });

  it('answers a disk that takes no more with OverloadedError, lives on, and recovers', async function () {
    // Only Linux lets another process lift the limit again.
    if (process.platform !== 'linux') this.skip();
    // No file may become longer than this: whichever the journal goes on in, it is soon full.
    const program = run('lmdb-append', [path, log, lane, 16, 0, 3000], 'ulimit -S -f 400');
    await untilLogged(10);
    const failures = async () => (await logged()).filter((line) => line === '!').length;
    while ((await failures()) < 40) await sleep(20);
    await promisify(execFile)('prlimit', ['--pid', String(program.pid), '--fsize=unlimited:unlimited']);
    const before = (await logged()).filter((line) => line !== '!').length;
    await untilLogged((await logged()).length + 200);
    await program.kill();
    const acked = (await logged()).filter((line) => line !== '!');
    expect(acked.length).to.be.greaterThan(before);
    const spool = await claimed();
    const rows = await spool.read(lane, plenty);
    const found = new Set(ids(rows));
    expect(acked.filter((id) => !found.has(id))).to.deep.equal([]);
    expect((await spool.depth(lane)).records).to.equal(rows.length);
    expect(await settleAll(spool, lane)).to.have.length(rows.length);
  });

  it('sees records of a process that has outgrown its own map', async () => {
    const small = await open(1024 * 1024);
    expect(await small.pending()).to.deep.equal([]);
    await run('lmdb-append', [path, log, lane, 8, 24, 8 * 1024 * 1024, 8 * gibibyte]).done();
    expect(ids(await small.read(lane, plenty)).sort()).to.deep.equal((await logged()).sort());
  });

  it('frees the snapshot of a reader that was killed', async () => {
    const spool = await claimed();
    await fill(spool, lane, 10);
    const reader = run('lmdb-hold', [path, log]);
    await untilLogged(1);
    await reader.kill();
    await spool.claim(AbortSignal.timeout(1_000));
    const body = Buffer.alloc(50_000, '1');
    for (let round = 0; round < 40; round++) {
      await Promise.all(Array.from({ length: 20 }, () => spool.append([lane], makeRecord({ body }))));
      await settleAll(spool, lane);
    }
    expect((await stat(join(path, 'data.mdb'))).size).to.be.lessThan(8 * 1024 * 1024);
  });

  it('keeps at least the newest 10,000 discards, and counts all of them', async () => {
    const spool = await claimed();
    let newest: string[] = [];
    for (let round = 0; round < 7; round++) {
      await fill(spool, lane, 2000);
      const rows = await spool.read(lane, plenty);
      newest = ids(rows);
      await spool.seal(
        lane,
        [],
        rows.map((record) => ({ record, reason: 'unknown key' })),
      );
    }
    const kept = await spool.discards(1_000_000);
    expect(kept.length).to.be.within(10_000, 12_000);
    expect(kept.slice(0, 2000).map(({ requestId }) => requestId)).to.deep.equal(newest.reverse());
    expect(await spool.discardCounts()).to.deep.equal([{ lane, reason: 'unknown key', count: 14_000 }]);
  });

  it('makes its folder for its own user alone, and writes no token into it', async () => {
    path = join(folder, 'deep', 'spool');
    const spool = await open();
    const token = 'secrettokensecrettokensecrettoken';
    await spool.append(
      [lane],
      makeRecord({ tokenDigest: new Uint8Array(createHash('sha256').update(token).digest()) }),
    );
    await spool.close();
    expect((await stat(path)).mode & 0o777).to.equal(0o700);
    let files = 0;
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
      const name = join(entry.parentPath, entry.name);
      expect((await stat(name)).mode & 0o777).to.equal(entry.isDirectory() ? 0o700 : 0o600);
      if (entry.isDirectory()) continue;
      files++;
      expect((await readFile(name)).includes(token)).to.equal(false);
    }
    expect(files).to.equal(3);
  });

  it('says which folder cannot be made, and why', async () => {
    await writeFile(join(folder, 'file'), '');
    path = join(folder, 'file', 'spool');
    const error: unknown = await open().catch((thrown: unknown) => thrown);
    expect(instructionOf(error)).to.equal('config');
    expect(messageOf(error)).to.include(path).and.include('ENOTDIR');
  });

  it('refuses a damaged file with a ConfigError that names it, and leaves it as it is', async () => {
    const spool = await open();
    await fill(spool, lane, 2000);
    await spool.close();
    const file = join(path, 'data.mdb');
    const cut = async () => truncate(file, 12_288);
    const damages = [cut, () => writeFile(file, Buffer.alloc(100_000, 7)), () => writeFile(file, 'short')];
    for (const damage of damages) {
      await damage();
      const before = await readFile(file);
      const error: unknown = await open().catch((thrown: unknown) => thrown);
      expect(instructionOf(error)).to.equal('config');
      expect(messageOf(error)).to.include(path).and.include('damaged');
      expect((await readFile(file)).equals(before)).to.equal(true);
    }
  });

  it('is a plugin with a path and 50 GiB unless the YAML says otherwise', () => {
    const plugin = plugins.find(({ kind }) => kind === 'spool');
    expect(plugin?.config.parse({ path: '/var/lib/hookline' })).to.deep.equal({
      path: '/var/lib/hookline',
      maxSize: 50 * gibibyte,
    });
    expect(plugin?.config.parse({ path: '/x', maxSize: '2GiB' })).to.include({ maxSize: 2 * gibibyte });
    expect(plugin?.config.safeParse({}).success).to.equal(false);
  });
});
