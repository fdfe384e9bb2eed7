import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { memoryOf, openHandles } from '../support/process-usage.js';

/** One series of numbers over the run, such as the memory of a role. */
export interface Series {
  readonly what: string;
  readonly unit: string;
  readonly values: number[];
  /** By so much the last quarter may exceed the second, besides a fifth. */
  readonly slack: number;
}

/** Memory and handles of each process, and the size of the spool, as the system tells them. */
export class Vitals {
  readonly #series = new Map<string, Series>();

  sample(processes: readonly { readonly name: string; readonly pid: number }[], spool: string): void {
    for (const { name, pid } of processes) {
      try {
        this.#add(`memory of ${name}`, 'MiB', memoryOf(pid).resident, 32);
        this.#add(`file handles of ${name}`, '', openHandles(pid), 10);
      } catch {
        // It was killed meanwhile.
      }
    }
    this.#add('the spool on the disk', 'MiB', sizeOf(spool) / 1024 ** 2, 64);
  }

  /**
   * As Markdown. Flat means: the median of the last quarter is at most a fifth, and the slack, above that of the
   * second; the first is warming up.
   */
  table(): { readonly text: string; readonly flat: boolean } {
    const lines = [
      '| min / median / max by quarter of the run | 1st | 2nd | 3rd | 4th | |',
      '| --- | --- | --- | --- | --- | --- |',
    ];
    let flat = true;
    for (const { what, unit, values, slack } of this.#series.values()) {
      const quarters = [0, 1, 2, 3].map((n) =>
        values.slice(Math.floor((n * values.length) / 4), Math.floor(((n + 1) * values.length) / 4)),
      );
      const isFlat = median(quarters[3] ?? []) <= 1.2 * median(quarters[1] ?? []) + slack;
      flat &&= isFlat;
      const cells = quarters.map((of) =>
        [Math.min(...of), median(of), Math.max(...of)].map(Math.round).join(' / '),
      );
      lines.push(`| ${what}${unit && `, ${unit}`} | ${cells.join(' | ')} | ${isFlat ? 'flat' : 'GROWS'} |`);
    }
    return { text: lines.join('\n'), flat };
  }

  #add(what: string, unit: string, value: number, slack: number): void {
    const series = this.#series.get(what) ?? { what, unit, values: [], slack };
    series.values.push(value);
    this.#series.set(what, series);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function sizeOf(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) {
      bytes += (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.blocks ?? 0) * 512;
    }
  }
  return bytes;
}
