/** What is opened once, however many ask for it at the same time, and may be opened anew after it was taken. */
export class Opened<T> {
  #opening: Promise<T> | undefined;
  #value: T | undefined;

  /** `undefined` while it is not open. */
  get value(): T | undefined {
    return this.#value;
  }

  /** Opens it, or waits for who does so already. */
  async open(begin: () => Promise<T>): Promise<void> {
    this.#opening ??= begin();
    const opening = this.#opening;
    try {
      const value = await opening;
      if (this.#opening === opening) this.#value = value;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
  }

  /** Takes it out, for one alone to close it: waits for it if it is just being opened. */
  async take(): Promise<T | undefined> {
    const opening = this.#opening;
    this.#opening = undefined;
    this.#value = undefined;
    return opening?.catch(() => undefined);
  }
}
