/** A bar on the terminal's last line while one waits; silent when piped. It goes to stderr. */
export class Progress {
  readonly #what: string;
  readonly #total: number | undefined;
  readonly #stream = process.stderr;
  #last = 0;

  /** @param total where it is known */
  constructor(what: string, total?: number) {
    this.#what = what;
    this.#total = total;
  }

  update(done: number): void {
    const now = Date.now();
    if (!this.#stream.isTTY || (now - this.#last < 50 && done !== this.#total)) return;
    this.#last = now;
    if (this.#total === undefined) {
      this.#stream.write(`\r${this.#what} ${done}`);
      return;
    }
    const share = this.#total === 0 ? 1 : Math.min(1, done / this.#total);
    const width = 30;
    const full = Math.round(share * width);
    const bar = '█'.repeat(full) + '░'.repeat(width - full);
    this.#stream.write(`\r${this.#what} ${bar} ${Math.round(share * 100)} % (${done} of ${this.#total})`);
  }

  /** Clears the line, so that the result can be printed. */
  finish(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[2K');
  }
}
