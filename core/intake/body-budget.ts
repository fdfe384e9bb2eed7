import { networkOf } from './client.js';

/** Bytes that bodies may take together, from when their first byte is read until they are answered. */
export interface BodyLimits {
  readonly total: number;
  /** Of one client address. */
  readonly client: number;
}

/** A body that fits into one read: it may use all of the budget, and larger ones leave it a quarter. */
export const smallBody = 65_536;
const largeShare = 0.75;

/** Less than senders wait for an answer. */
const usualPatience = 2000;
/** What a body that waits has sent already is in memory too: some 100 KB for each. */
const mostWaiting = 256;

interface Waiter {
  readonly client: string | undefined;
  readonly length: number;
  readonly grant: (room: BodyRoom | undefined) => void;
}

/**
 * Bounds the memory of bodies in flight. A body takes all of its room before its first byte is read, or waits for
 * it; one whose length nobody knows takes more as it grows, and never waits for that: it gets it at once or is
 * refused. So no body that is half here waits for another one.
 */
export class BodyBudget {
  #limits: BodyLimits;
  /** So many times the budget of a client has the IPv6 network that it is in. */
  #networks: number;
  readonly #patience: number;
  #total = 0;
  #large = 0;
  readonly #clients = new Map<string, number>();
  readonly #waiting = new Set<Waiter>();

  /** @param patience milliseconds that a body waits for its room before it is refused */
  constructor(limits: BodyLimits, networks: number, patience = usualPatience) {
    this.#limits = limits;
    this.#networks = networks;
    this.#patience = patience;
  }

  /** From now on these count. */
  change(limits: BodyLimits, networks: number): void {
    this.#limits = limits;
    this.#networks = networks;
  }

  /** Takes room for a small body that is here already; whether there is any. To be given back by `leave`. */
  enter(length: number): boolean {
    if (this.#total + length > this.#limits.total) return false;
    this.#total += length;
    return true;
  }

  leave(length: number): void {
    this.#total -= length;
    this.#grant();
  }

  /** @param client `undefined` for one that has no budget of its own. @param length bytes of the whole body */
  take(client: string | undefined, length: number): BodyRoom | undefined {
    const isBehind = length > smallBody && [...this.#waiting].some((waiter) => !this.#fits(0, waiter.length));
    return isBehind ? undefined : this.#take(client, length);
  }

  /** Likewise, and waits a while for it. */
  async wait(client: string | undefined, length: number): Promise<BodyRoom | undefined> {
    const room = this.take(client, length);
    if (room !== undefined || this.#waiting.size >= mostWaiting) return room;
    let late: NodeJS.Timeout | undefined;
    return new Promise<BodyRoom | undefined>((resolve) => {
      const waiter: Waiter = {
        client,
        length,
        grant: (granted) => {
          clearTimeout(late);
          this.#waiting.delete(waiter);
          resolve(granted);
        },
      };
      this.#waiting.add(waiter);
      late = setTimeout(() => {
        waiter.grant(undefined);
        this.#grant();
      }, this.#patience);
    });
  }

  #take(client: string | undefined, length: number): BodyRoom | undefined {
    if (!this.#fits(0, length) || !this.#fitsClient(client, 0, length)) return undefined;
    const room = new BodyRoom(
      (from, to) =>
        this.#fits(from, to) && this.#fitsClient(client, from, to) && this.#move(client, from, to),
      (from) => {
        this.#move(client, from, 0);
        this.#grant();
      },
    );
    room.grow(length);
    return room;
  }

  /** One that is alone always fits: a single body may be larger than what is set here. */
  #fits(from: number, to: number): boolean {
    const { total } = this.#limits;
    if (to <= smallBody) return this.#total + to - from <= total;
    const large = this.#large - (from > smallBody ? from : 0);
    return large === 0 || (large + to <= total * largeShare && this.#total + to - from <= total);
  }

  #fitsClient(client: string | undefined, from: number, to: number): boolean {
    return this.#budgetsOf(client).every(([name, most]) => {
      const others = (this.#clients.get(name) ?? 0) - from;
      return others === 0 || others + to <= most;
    });
  }

  #budgetsOf(client: string | undefined): (readonly [name: string, most: number])[] {
    if (client === undefined) return [];
    const network = networkOf(client);
    const { client: most } = this.#limits;
    return network === undefined
      ? [[client, most]]
      : [
          [client, most],
          [network, most * this.#networks],
        ];
  }

  #move(client: string | undefined, from: number, to: number): true {
    this.#total += to - from;
    this.#large += (to > smallBody ? to : 0) - (from > smallBody ? from : 0);
    for (const [name] of this.#budgetsOf(client)) {
      const taken = (this.#clients.get(name) ?? 0) + to - from;
      if (taken > 0) this.#clients.set(name, taken);
      else this.#clients.delete(name);
    }
    return true;
  }

  /** The first that wait for what all share hold back the others; one that waits for its client's holds back none. */
  #grant(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(0, waiter.length)) return;
      const room = this.#take(waiter.client, waiter.length);
      if (room !== undefined) waiter.grant(room);
    }
  }
}

/** What one body has of the budget. */
export class BodyRoom {
  readonly #move: (from: number, to: number) => boolean;
  readonly #leave: (from: number) => void;
  #length = 0;
  #left = false;

  /** @param move whether it may have `to` bytes in place of `from`, and then it has them */
  constructor(move: (from: number, to: number) => boolean, leave: (from: number) => void) {
    this.#move = move;
    this.#leave = leave;
  }

  /** Whether the body may take so many bytes in all. */
  grow(length: number): boolean {
    if (length <= this.#length) return true;
    if (this.#left || !this.#move(this.#length, length)) return false;
    this.#length = length;
    return true;
  }

  /** Gives all of it back; a second time does nothing. */
  release(): void {
    if (this.#left) return;
    this.#left = true;
    this.#leave(this.#length);
  }
}
