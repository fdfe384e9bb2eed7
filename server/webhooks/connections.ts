import type { Socket } from 'node:net';
import type { Clients } from '../../core/client.js';
import type { Count } from '../../core/metrics.js';

/** Bounds the connections that one client address has open: each costs a file handle, of which all have a part. */
export class Connections {
  #clients: Clients;
  #most: number;
  readonly #refused: Count;
  readonly #open = new Map<string, number>();

  /** @param most for each client; a trusted proxy and this machine itself have no limit */
  constructor(clients: Clients, most: number, refused: Count) {
    this.#clients = clients;
    this.#most = most;
    this.#refused = refused;
  }

  /** From the next connection on these count. */
  change(clients: Clients, most: number): void {
    this.#clients = clients;
    this.#most = most;
  }

  /** Whether it may stay; one that may not is closed. */
  admit(socket: Socket): boolean {
    const client = this.#clients.atOtherEnd(socket.remoteAddress);
    if (client === undefined) return true;
    const open = this.#open.get(client) ?? 0;
    if (open >= this.#most) {
      this.#refused.add(1, { limit: 'connections' });
      socket.destroy();
      return false;
    }
    this.#open.set(client, open + 1);
    socket.once('close', () => this.#closed(client));
    return true;
  }

  #closed(client: string): void {
    const open = (this.#open.get(client) ?? 0) - 1;
    if (open > 0) this.#open.set(client, open);
    else this.#open.delete(client);
  }
}
