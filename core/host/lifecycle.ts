/** Closes what was opened, last opened first: inversify's own `unbindAllAsync` would close all at once. */
export class Lifecycle {
  readonly #closers: { readonly name: string; readonly close: () => Promise<void> }[] = [];

  /** To be called as soon as something is open. */
  opened(name: string, close: () => Promise<void>): void {
    this.#closers.push({ name, close });
  }

  /** Closes everything, also when some of it fails; resolves to the failures. */
  async close(): Promise<{ readonly name: string; readonly error: unknown }[]> {
    const failures: { name: string; error: unknown }[] = [];
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      const { name, close } = closer;
      await close().catch((error: unknown) => failures.push({ name, error }));
    }
    return failures;
  }
}
