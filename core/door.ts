import type { Arrival } from './arrival.js';
import type { Clients } from './client.js';
import type { Proven } from './proven.js';
import type { Limit } from './rate-limit.js';
import { RateLimits } from './rate-limits.js';
import type { SenderId } from './sender.js';

/** Whatever may refuse a request for being one too many, as the metrics name it. */
export type LimitName = 'client' | 'key' | 'unproven' | 'pipeline' | 'share';

export interface DoorLimits {
  /** For each client address. */
  readonly client?: Limit | undefined;
  /** For each key; with another token it is another one's. */
  readonly key?: Limit | undefined;
  /** For each client address, as long as its senders are not proven. */
  readonly unproven?: Limit | undefined;
}

/** One too many. */
export interface Excess {
  readonly limit: LimitName;
  /** Seconds after which to try again. */
  readonly wait: number;
}

/** What strangers meet first: who may come how often, whatever they bring. Each ack worker has its own. */
export class Door {
  readonly #clients: Clients;
  readonly #proven: Proven;
  readonly #client: RateLimits | undefined;
  readonly #key: RateLimits | undefined;
  readonly #unproven: RateLimits | undefined;

  /** @param share of the limits that is this process's */
  constructor(clients: Clients, proven: Proven, { client, key, unproven }: DoorLimits, share = 1) {
    this.#clients = clients;
    this.#proven = proven;
    this.#client = client && new RateLimits(client, share);
    this.#key = key && new RateLimits(key, share);
    this.#unproven = unproven && new RateLimits(unproven, share);
  }

  /** Before anything of the request is read. @param length bytes of its body as it was sent */
  knock(arrival: Arrival, length: number): Excess | undefined {
    return this.#client && this.#take('client', this.#client, this.#clients.of(arrival), length);
  }

  knows(sender: SenderId): boolean {
    return this.#proven.has(sender);
  }

  /** Before its body is read. @param proven what `knows` has said */
  enter(arrival: Arrival, sender: SenderId, proven: boolean, length: number): Excess | undefined {
    if (!proven && this.#unproven !== undefined) {
      const excess = this.#take('unproven', this.#unproven, this.#clients.of(arrival), length);
      if (excess !== undefined) return excess;
    }
    return this.#key && this.#take('key', this.#key, sender, length);
  }

  /** Whoever has no name, as this machine itself, has no limit. */
  #take(limit: LimitName, limits: RateLimits, name: string | undefined, length: number): Excess | undefined {
    const wait = name === undefined ? 0 : limits.of(name).take(length);
    return wait === 0 ? undefined : { limit, wait };
  }
}
