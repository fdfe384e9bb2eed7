import { randomUUID } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChartRow, fromChartRow, type Row, toChartRow } from 'hookline/plugin';
import { syncFolder } from './disk.js';
import type { Range } from './ledger.js';

/** A file that one instance appends to, and nobody else: what a kill cuts off there is in no ledger. */
export class RowFile {
  readonly #name: string;
  readonly #handle: FileHandle;
  #end = 0;

  private constructor(name: string, handle: FileHandle) {
    this.#name = name;
    this.#handle = handle;
  }

  static async create(folder: string): Promise<RowFile> {
    const name = `${randomUUID()}.jsonl`;
    const handle = await open(join(folder, name), 'wx');
    await syncFolder(folder);
    return new RowFile(name, handle);
  }

  /** Resolves when the rows would survive a power cut. Several calls at once take places one behind the other. */
  async append(rows: readonly Row[]): Promise<Range> {
    const bytes = Buffer.from(rows.map((row) => `${JSON.stringify(toChartRow(row))}\n`).join(''));
    const from = this.#end;
    this.#end += bytes.length;
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#handle.write(bytes, done, bytes.length - done, from + done)).bytesWritten;
    }
    await this.#handle.datasync();
    return { file: this.#name, from, to: from + bytes.length };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

export async function readRows(folder: string, { file, from, to }: Range): Promise<Row[]> {
  const handle = await open(join(folder, file), 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
    const lines = buffer.toString('utf8').trimEnd().split('\n');
    return lines.map((line) => fromChartRow(JSON.parse(line) as ChartRow));
  } finally {
    await handle.close();
  }
}
