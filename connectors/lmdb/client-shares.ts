/** Some 100 bytes each: whoever took least lately is forgotten. */
const most = 20_000;

/**
 * What each client has taken of the share of unproven records. Records do not tell whose they are once they are
 * kept, so what all have taken together is known, and each has its part of what is left of it: where half of it has
 * been judged, each has half of what it took.
 */
export class ClientShares {
  /** In units of which `#scale` bytes are left. */
  readonly #taken = new Map<string, number>();
  #scale = 1;
  /** In bytes. */
  #sum = 0;

  of(client: string): number {
    return (this.#taken.get(client) ?? 0) * this.#scale;
  }

  take(client: string, bytes: number): void {
    const taken = (this.#taken.get(client) ?? 0) + bytes / this.#scale;
    this.#taken.delete(client);
    this.#taken.set(client, taken);
    this.#sum += bytes;
    if (this.#taken.size <= most) return;
    const [oldest] = this.#taken.keys();
    this.#taken.delete(oldest as string);
  }

  /** @param bytes what all of them have now, at most */
  settle(bytes: number): void {
    if (bytes >= this.#sum) return;
    this.#scale *= bytes / this.#sum;
    this.#sum = bytes;
    if (this.#scale > 1e-9) return;
    this.#taken.clear();
    this.#scale = 1;
    this.#sum = 0;
  }
}
