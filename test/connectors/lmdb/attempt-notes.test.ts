import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AttemptNotes } from '../../../connectors/lmdb/attempt-notes.js';

describe('the note of what is being written', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-attempts-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** As of the process that claims the spool next; the one before it was killed as it was. */
  function next(): AttemptNotes {
    const notes = new AttemptNotes(folder);
    notes.take();
    return notes;
  }

  it('counts a death of each batch that was being written, and of no other', () => {
    const first = next();
    for (const id of ['a', 'b', 'c', 'd']) first.begin(id);
    first.end('b', true);
    first.end('c', false);
    const second = next();
    expect(['a', 'b', 'c', 'd'].map((id) => second.deaths(id))).to.deep.equal([1, 0, 0, 1]);
    second.begin('a');
    const third = next();
    expect(['a', 'd'].map((id) => third.deaths(id))).to.deep.equal([2, 1]);
    third.end('a', true);
    expect(next().deaths('a')).to.equal(0);
  });

  it('says nothing where it is not whole', async () => {
    next().begin('a');
    await writeFile(join(folder, 'attempts.json'), '{"deaths":{},"wri');
    expect(next().deaths('a')).to.equal(0);
  });
});
