import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Attempts } from '../../core/index.js';

interface Note {
  /** By the ids of batches. */
  readonly deaths: Readonly<Record<string, number>>;
  readonly writing: readonly string[];
}

/** A small file that is overwritten in place, some 20 µs each time: what a killed process wrote is in it. */
export class AttemptNotes implements Attempts {
  readonly #file: string;
  readonly #deaths = new Map<string, number>();
  readonly #writing = new Set<string>();
  #descriptor: number | undefined;

  constructor(folder: string) {
    this.#file = join(folder, 'attempts.json');
  }

  /** Once the spool is claimed: what its predecessor was writing when it died is counted. */
  take(): void {
    this.release();
    try {
      const { deaths, writing } = read(this.#file);
      for (const [id, count] of Object.entries(deaths)) this.#deaths.set(id, count);
      for (const id of writing) this.#deaths.set(id, this.deaths(id) + 1);
      this.#descriptor = openSync(this.#file, constants.O_RDWR | constants.O_CREAT, 0o600);
    } catch {
      // Without the note a batch is as any other.
    }
    this.#write();
  }

  deaths(batch: string): number {
    return this.#deaths.get(batch) ?? 0;
  }

  begin(batch: string): void {
    this.#writing.add(batch);
    this.#write();
  }

  died(batch: string): void {
    this.#deaths.set(batch, this.deaths(batch) + 1);
    this.#write();
  }

  end(batch: string, over: boolean): void {
    this.#writing.delete(batch);
    if (over) this.#deaths.delete(batch);
    this.#write();
  }

  release(): void {
    this.#deaths.clear();
    this.#writing.clear();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #write(): void {
    if (this.#descriptor === undefined) return;
    const note: Note = { deaths: Object.fromEntries(this.#deaths), writing: [...this.#writing] };
    const text = Buffer.from(JSON.stringify(note));
    try {
      // In this order a reader finds the note whole, with something of the last one behind it, or not.
      writeSync(this.#descriptor, Buffer.concat([text, Buffer.from('\n')]), 0, text.length + 1, 0);
      ftruncateSync(this.#descriptor, text.length + 1);
    } catch {
      // A disk that fails says so elsewhere.
    }
  }
}

/** One that is not there or not whole says nothing. */
function read(file: string): Note {
  try {
    const [line = ''] = readFileSync(file, 'utf8').split('\n');
    const { deaths, writing } = JSON.parse(line) as Note;
    return { deaths: { ...deaths }, writing: [...writing] };
  } catch {
    return { deaths: {}, writing: [] };
  }
}
