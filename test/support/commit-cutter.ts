import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** The message by which `pg` commits: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const commit = Buffer.from('Q\0\0\0\x0bCOMMIT\0', 'latin1');

/** Stands in front of a Postgres, and cuts a connection exactly at its COMMIT, once. */
export class CommitCutter {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut: 'before' | 'after' | undefined;

  private constructor(port: number) {
    this.#server = createServer((near) => this.#join(near, connect(port, '127.0.0.1')));
  }

  /** @param port of a Postgres on loopback */
  static async start(port: number): Promise<CommitCutter> {
    const cutter = new CommitCutter(port);
    cutter.#server.listen(0, '127.0.0.1');
    await once(cutter.#server, 'listening');
    return cutter;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next COMMIT does not arrive, or has happened while its answer does not arrive. */
  arm(cut: 'before' | 'after'): void {
    this.#cut = cut;
  }

  /** Whether no COMMIT has come since. */
  get armed(): boolean {
    return this.#cut !== undefined;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #join(near: Socket, far: Socket): void {
    const end = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    let awaited = false;
    near.on('data', (chunk) => {
      if (this.#cut === undefined || !chunk.includes(commit)) {
        far.write(chunk);
        return;
      }
      awaited = this.#cut === 'after';
      this.#cut = undefined;
      if (awaited) far.write(chunk);
      else end();
    });
    far.on('data', (chunk) => {
      if (awaited) end();
      else near.write(chunk);
    });
  }
}
