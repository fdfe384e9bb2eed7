import { mkdir, mkdtemp, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from './hookline.js';
import { Program } from './program.js';
import { Shed } from './shed.js';

describe('what is kept from one run of the tests to the next', () => {
  let folder: string;
  let made: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-shed-'));
    made = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  const get = () =>
    new Shed(folder).get('program@1.0', async (draft) => {
      made++;
      await mkdir(join(draft, 'bin'));
      await writeFile(join(draft, 'bin/program'), 'whole');
    });

  it('is made once, also for those who ask at once', async () => {
    const [one, two] = await Promise.all([get(), get()]);
    expect([one, await get()]).to.deep.equal([two, two]);
    expect(await readFile(join(one, 'bin/program'), 'utf8')).to.equal('whole');
    expect(made).to.equal(1);
  });

  it('is made again where a file is gone or was cut off', async () => {
    for (const harm of [rm, truncate]) {
      await harm(join(await get(), 'bin/program'));
      expect(await readFile(join(await get(), 'bin/program'), 'utf8')).to.equal('whole');
    }
    expect(made).to.equal(3);
  });

  it('is not there half where making it failed', async () => {
    const failing = new Shed(folder).get('program@1.0', async (draft) => {
      await writeFile(join(draft, 'half'), '');
      throw new Error('no network');
    });
    await failing.then(
      () => expect.fail('it failed'),
      (error: Error) => expect(error.message).to.equal('no network'),
    );
    await get();
    expect(made).to.equal(1);
  });

  it('is waited for where another process makes it, and made where that is killed', async () => {
    const other = new Program('shed-hold', [folder, 'program@1.0']);
    await eventually('it is at it', async () => other.output || undefined);
    const found = get();
    await other.kill();
    expect(await readFile(join(await found, 'bin/program'), 'utf8')).to.equal('whole');
    expect(made).to.equal(1);
  });

  it('is made where the lock of a killed process bears the id of one that knows nothing of it', async () => {
    const lock = join(folder, `program@1.0_${process.platform}_${process.arch}.lock`);
    await writeFile(lock, String(process.pid));
    await utimes(lock, 1, 1);
    await get();
    expect(made).to.equal(1);
  });
});
