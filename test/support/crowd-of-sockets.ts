import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Connections that are opened and held, each after it has sent something, or nothing. */
export class CrowdOfSockets {
  readonly #sockets: Socket[] = [];
  /** Those that were answered something, and what. */
  readonly answers: string[] = [];

  /** Opens some more; those that cannot be opened are not there. */
  async open(port: number, count: number, first = ''): Promise<void> {
    for (let opened = 0; opened < count; opened += 50) {
      const some = Array.from({ length: Math.min(50, count - opened) }, () => this.#open(port, first));
      await Promise.all(some);
    }
  }

  async #open(port: number, first: string): Promise<void> {
    const socket = connect(port, '127.0.0.1');
    this.#sockets.push(socket);
    socket.on('error', () => undefined);
    socket.setEncoding('latin1').on('data', (text: string) => this.answers.push(text));
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
    if (first !== '' && socket.writable) socket.write(first);
  }

  /** How many are open still. */
  get present(): number {
    return this.#sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
  }

  /** Sends the same on all. */
  send(text: string): void {
    for (const socket of this.#sockets) if (socket.writable) socket.write(text);
  }

  async close(): Promise<void> {
    const closing = this.#sockets.filter((socket) => !socket.closed).map((socket) => once(socket, 'close'));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closing);
  }
}
