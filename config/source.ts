import { type Path, renderPath } from './path.js';
import { ConfigProblems, type Problem } from './problem.js';
import { Secrets } from './secrets.js';

/** The text of a configuration file, and what was found wrong with it so far. */
export class Source {
  /** As the user named it. */
  readonly file: string;
  readonly text: string;
  /** Relative paths are relative to it. */
  readonly folder: string;
  readonly secrets = new Secrets();
  readonly #lineStarts: readonly number[];
  readonly #found: { readonly at: number; readonly problem: Problem }[] = [];

  constructor(file: string, folder: string, text: string) {
    this.file = file;
    this.folder = folder;
    this.text = text;
    const starts = [0];
    for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
    this.#lineStarts = starts;
  }

  /** Line and column of an offset, both from 1; the column counts characters, not UTF-16 units. */
  position(offset: number): { readonly line: number; readonly column: number } {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const before = this.text.slice(this.#lineStarts[low], offset);
    return { line: low + 1, column: [...before].length + 1 };
  }

  /** Notes a problem. The same one at the same place, as through an alias, is noted once. */
  report(at: number, path: Path, what: string, hint?: string): void {
    const message = path.length === 0 ? what : `${renderPath(path)}: ${what}`;
    if (this.#found.some((known) => known.at === at && known.problem.message === message)) return;
    const problem = { file: this.file, ...this.position(at), message, ...(hint !== undefined && { hint }) };
    this.#found.push({ at, problem });
  }

  get faulty(): boolean {
    return this.#found.length > 0;
  }

  /** @throws ConfigProblems when there is any */
  assertSound(): void {
    if (this.faulty) throw this.problems();
  }

  problems(): ConfigProblems {
    const sorted = [...this.#found].sort((a, b) => a.at - b.at);
    return new ConfigProblems(sorted.map(({ problem }) => problem));
  }
}
