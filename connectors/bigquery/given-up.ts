/** What was given up and is not over: `close` waits for it, but not for ever. */
export class GivenUp {
  readonly #under = new Set<Promise<unknown>>();

  add(call: Promise<unknown>): void {
    const over = call.catch(() => {}).finally(() => this.#under.delete(over));
    this.#under.add(over);
  }

  /** Resolves when all of it is over. Each call has a limit of its own. */
  async over(): Promise<void> {
    await Promise.all(this.#under);
  }
}
