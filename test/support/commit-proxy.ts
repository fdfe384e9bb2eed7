import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What a COMMIT looks like in a protocol. */
const commits = {
  mysql: Buffer.from('\x07\0\0\0\x03COMMIT', 'latin1'),
  postgres: Buffer.from('Q\0\0\0\x0bCOMMIT\0', 'latin1'),
};

export interface Refusal {
  readonly errno: number;
  readonly sqlState: string;
}

/**
 * What becomes of the next COMMIT:
 * - `cut before`, `cut after`: the connection breaks, and the server has never heard of it, or has committed;
 * - a refusal, in MySQL's protocol: the server has rolled back, as one of a cluster does; `landed`: it has committed all the same;
 * - `hold`: the answer waits until it is let go.
 */
export type Fate = 'cut before' | 'cut after' | 'hold' | (Refusal & { readonly landed: boolean });

/** Stands before a server, and breaks exactly the step of the commit. */
export class CommitProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Of the next COMMIT; then it is spent. */
  fate: Fate | undefined;
  #held: { readonly arrived: () => void; readonly gone: Promise<void> } | undefined;

  readonly #commit: Buffer;

  private constructor(port: number, protocol: keyof typeof commits) {
    this.#commit = commits[protocol];
    this.#server = createServer((near) => this.#join(near, connect(port, '127.0.0.1')));
  }

  static async start(port: number, protocol: keyof typeof commits = 'mysql'): Promise<CommitProxy> {
    const proxy = new CommitProxy(port, protocol);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Holds the next COMMIT's answer: resolves once the server has given it, to what lets it go. */
  async hold(): Promise<() => void> {
    this.fate = 'hold';
    return await new Promise<() => void>((resolve) => {
      let letGo = () => {};
      const gone = new Promise<void>((done) => {
        letGo = done;
      });
      this.#held = { arrived: () => resolve(letGo), gone };
    });
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #join(near: Socket, far: Socket): void {
    let fate: Fate | undefined;
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        for (const other of [near, far]) other.destroySoon();
      });
    }
    near.on('data', (chunk: Buffer) => {
      if (this.fate === undefined || !chunk.equals(this.#commit)) {
        far.write(chunk);
        return;
      }
      fate = this.fate;
      this.fate = undefined;
      if (fate === 'cut before') near.destroy();
      else if (typeof fate === 'string' || fate.landed) far.write(chunk);
      else far.resetAndDestroy();
      if (typeof fate === 'object' && !fate.landed) near.end(refusalOf(fate));
    });
    far.on('data', async (chunk: Buffer) => {
      const of = fate;
      fate = undefined;
      if (of === 'cut after') near.destroy();
      else if (typeof of === 'object') near.write(refusalOf(of));
      else if (of === 'hold') {
        this.#held?.arrived();
        await this.#held?.gone;
        near.write(chunk);
      } else near.write(chunk);
    });
  }
}

/** An ERR packet, in answer to a command. */
function refusalOf({ errno, sqlState }: Refusal): Buffer {
  const text = Buffer.from(`\xff\0\0#${sqlState}said`, 'latin1');
  text.writeUInt16LE(errno, 1);
  return Buffer.concat([Buffer.from([text.length, 0, 0, 1]), text]);
}
