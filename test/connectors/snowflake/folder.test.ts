import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Folder } from '../../../connectors/snowflake/folder.js';
import { Program } from '../../support/program.js';

describe('the temporary folder of snowflake', () => {
  let parent: string;

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'hookline-folder-'));
  });
  afterEach(() => rm(parent, { recursive: true }));

  it('is the own of this process, and gone once it is closed', async () => {
    const folder = new Folder(parent);
    await folder.open();
    const [name = ''] = await readdir(parent);
    expect((await stat(join(parent, name))).mode & 0o777).to.equal(0o700);
    const inside = await folder.use(async (path) => {
      await writeFile(join(path, 'x'), 'x');
      return path;
    });
    expect(await readdir(join(inside, '..'))).to.deep.equal([]);
    await folder.close();
    await folder.close();
    expect(await readdir(parent)).to.deep.equal([]);
  });

  it('of a process that was killed is removed by the next, and of one that runs is not', async () => {
    const dead = new Program('program', []);
    await dead.kill();
    const alive = `hookline-snowflake-${process.ppid}-abc`;
    // The number of this process, as in a container that starts again with the same one.
    for (const name of [
      `hookline-snowflake-${dead.pid}-abc`,
      `hookline-snowflake-${process.pid}-abc`,
      alive,
    ]) {
      await mkdir(join(parent, name, 'batch-1'), { recursive: true });
    }
    await mkdir(join(parent, 'another'));
    const folders = [new Folder(parent), new Folder(parent)];
    for (const folder of folders) await folder.open();
    const left = await readdir(parent);
    expect(left).to.include.members([alive, 'another']);
    expect(left).to.have.length(4);
    for (const folder of folders) await folder.close();
  });
});
