import type { SenderId } from '../contract/sender.js';
import type { SpoolRecord } from '../contract/spool.js';
import type { Arrival } from './arrival.js';
import { type Clients, networkOf } from './client.js';
import type { Proven } from './proven.js';
import type { Limit } from './rate-limit.js';
import { RateLimits } from './rate-limits.js';

/** Whatever may refuse a request for being one too many, as the metrics name it. */
export type LimitName = 'client' | 'key' | 'unproven' | 'pipeline' | 'share' | 'bodies';

export interface DoorLimits {
  /** For each client address. */
  readonly client?: Limit | undefined;
  /** For each key; with another token it is another one's. */
  readonly key?: Limit | undefined;
  /** For each client address, as long as its senders are not proven. */
  readonly unproven?: Limit | undefined;
  /** So many times the limits of a client address has the IPv6 network (/48) that it is in. */
  readonly network: number;
}

/** One too many. */
export interface Excess {
  readonly limit: LimitName;
  /** Seconds after which to try again. */
  readonly wait: number;
}

/** What part of the spool's share for unverified senders one client may take, or the IPv6 network that it is in. */
const quota = 1 / 8;

/** The same limit for each client address, and a larger one for each network of them. */
class ClientLimits {
  readonly clients: RateLimits;
  readonly networks: RateLimits;

  constructor(limit: Limit, share: number, network: number) {
    this.clients = new RateLimits(limit, share);
    this.networks = new RateLimits(limit, share * network);
  }
}

/** What strangers meet first: who may come how often, whatever they bring. Each ack worker has its own. */
export class Door {
  readonly #clients: Clients;
  readonly #proven: Proven;
  readonly #share: number;
  readonly #client: ClientLimits | undefined;
  readonly #key: RateLimits | undefined;
  readonly #unproven: ClientLimits | undefined;

  /** @param share of the limits that is this process's */
  constructor(clients: Clients, proven: Proven, { client, key, unproven, network }: DoorLimits, share = 1) {
    this.#clients = clients;
    this.#proven = proven;
    this.#share = share;
    this.#client = client && new ClientLimits(client, share, network);
    this.#key = key && new RateLimits(key, share);
    this.#unproven = unproven && new ClientLimits(unproven, share, network);
  }

  /** Before anything of the request is answered. Its body's bytes are paid for once it is let in. */
  knock(arrival: Arrival): Excess | undefined {
    return this.#client && take('client', this.#client, this.#clients.of(arrival));
  }

  /** Likewise, where there is no request to be read: only the connection's other end is known then. */
  knockAt(peer: string | undefined): Excess | undefined {
    return this.#client && take('client', this.#client, this.#clients.atOtherEnd(peer));
  }

  knows(sender: SenderId): boolean {
    return this.#proven.has(sender);
  }

  /** Has the sender judged: only one that was let in, as others would keep new ones out. */
  ask(sender: SenderId): void {
    this.#proven.ask(sender);
  }

  /** Of a request whose sender is not verified; `undefined` for one that has no limits. */
  quotaOf(arrival: Arrival): SpoolRecord['quota'] {
    const client = this.#clients.of(arrival);
    return client === undefined
      ? undefined
      : { client: networkOf(client) ?? client, part: quota * this.#share };
  }

  untrustedProxy(arrival: Arrival): string | undefined {
    return this.#clients.untrustedProxy(arrival);
  }

  clientOf(arrival: Arrival): string | undefined {
    return this.#clients.of(arrival);
  }

  /** Before its body is read. @param proven what `knows` has said. @param length of its body; 0 where nobody knows */
  enter(arrival: Arrival, sender: SenderId, proven: boolean, length: number): Excess | undefined {
    if (!proven && this.#unproven !== undefined) {
      const excess = take('unproven', this.#unproven, this.#clients.of(arrival), length);
      if (excess !== undefined) return excess;
    }
    const wait = this.#key?.of(sender).take(length) ?? 0;
    if (wait > 0) return { limit: 'key', wait };
    if (this.#client !== undefined) pay(this.#client, this.#clients.of(arrival), length);
    return undefined;
  }

  /** For a body that has entered as one of 0 bytes. */
  pay(arrival: Arrival, sender: SenderId, proven: boolean, length: number): void {
    const client = this.#clients.of(arrival);
    if (!proven && this.#unproven !== undefined) pay(this.#unproven, client, length);
    this.#key?.of(sender).pay(length);
    if (this.#client !== undefined) pay(this.#client, client, length);
  }
}

/** Loopback clients have no name, and no limit. */
function take(
  limit: LimitName,
  { clients, networks }: ClientLimits,
  name: string | undefined,
  length = 0,
): Excess | undefined {
  if (name === undefined) return undefined;
  const network = networkOf(name);
  const wait =
    clients.of(name).take(length) || (network === undefined ? 0 : networks.of(network).take(length));
  return wait === 0 ? undefined : { limit, wait };
}

function pay({ clients, networks }: ClientLimits, name: string | undefined, length: number): void {
  if (name === undefined) return;
  clients.of(name).pay(length);
  const network = networkOf(name);
  if (network !== undefined) networks.of(network).pay(length);
}
