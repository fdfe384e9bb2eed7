import type { Socket } from 'node:net';
import type { Count } from '../../core/contract/metrics.js';
import { type Clients, networkOf } from '../../core/intake/client.js';

/** Bounds the connections that one client address has open: each costs a file handle, of which all have a part. */
export class Connections {
  #clients: Clients;
  #most: number;
  #networks: number;
  readonly #refused: Count;
  readonly #open = new Map<string, number>();

  /**
   * @param most for each client; a trusted proxy and this machine itself have no limit
   * @param networks so many times that for the IPv6 network that it is in
   */
  constructor(clients: Clients, most: number, networks: number, refused: Count) {
    this.#clients = clients;
    this.#most = most;
    this.#networks = networks;
    this.#refused = refused;
  }

  /** From the next connection on these count. */
  change(clients: Clients, most: number, networks: number): void {
    this.#clients = clients;
    this.#most = most;
    this.#networks = networks;
  }

  /** Whether it may stay; one that may not is closed. */
  admit(socket: Socket): boolean {
    const client = this.#clients.atOtherEnd(socket.remoteAddress);
    if (client === undefined) return true;
    const network = networkOf(client);
    if (!this.#isFree(client, this.#most) || !this.#isFree(network, this.#most * this.#networks)) {
      this.#refused.add(1, { limit: 'connections' });
      socket.destroy();
      return false;
    }
    for (const name of [client, network]) {
      if (name === undefined) continue;
      this.#open.set(name, (this.#open.get(name) ?? 0) + 1);
      socket.once('close', () => this.#closed(name));
    }
    return true;
  }

  #isFree(name: string | undefined, most: number): boolean {
    return name === undefined || (this.#open.get(name) ?? 0) < most;
  }

  #closed(name: string): void {
    const open = (this.#open.get(name) ?? 0) - 1;
    if (open > 0) this.#open.set(name, open);
    else this.#open.delete(name);
  }
}
