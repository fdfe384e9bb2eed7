import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, syncFolder } from './disk.js';

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
    await syncFolder(this.folder); // whoever entered it may have been killed before it did
    return true;
  }

  /**
   * The commit: a rename happens at once or not at all. Two that land the same batch at the same time both
   * enter it, and the later entry counts: its range holds the same rows.
   */
  async enter(batch: string, range: Range): Promise<void> {
    const draft = join(this.folder, `${randomUUID()}.draft`);
    await writeFile(draft, JSON.stringify(range), { flush: true });
    await rename(draft, this.#fileOf(batch));
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
