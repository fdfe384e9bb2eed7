import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, syncFolder } from './disk.js';
import { codeOf } from './errors.js';

/** Where the rows of a batch lie: bytes of a file beside the ledger. */
export interface Range {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** A folder with an entry for each batch that has landed. Rows that no entry names are not there. */
export class Ledger {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async has(batch: string): Promise<boolean> {
    if (!(await exists(this.#fileOf(batch)))) return false;
    await syncFolder(this.folder); // whoever entered it may have been killed before that
    return true;
  }

  /** The commit: a link is made at once or not at all, and never over one that is there. */
  async enter(batch: string, range: Range): Promise<void> {
    const draft = join(this.folder, `${randomUUID()}.draft`);
    try {
      await writeFile(draft, JSON.stringify(range), { flag: 'wx', flush: true });
      await link(draft, this.#fileOf(batch));
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error; // another has landed the same batch meanwhile
    } finally {
      await rm(draft, { force: true });
    }
    await syncFolder(this.folder);
  }

  /** Those of all batches; none where there is no table yet. */
  async ranges(): Promise<Range[]> {
    if (!(await exists(this.folder))) return [];
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.json'));
    const texts = await Promise.all(names.map((name) => readFile(join(this.folder, name), 'utf8')));
    return texts.map((text) => JSON.parse(text) as Range);
  }

  #fileOf(batch: string): string {
    return join(this.folder, `${batch}.json`);
  }
}
