import { Socket, type SocketConstructorOpts } from 'node:net';

/** Reads come one after the other, and what is read is dealt with before the next: it does for all connections. */
const shared = Buffer.allocUnsafeSlow(65_536);

/** `node:net`'s own, of which only the part that is looked at here. */
interface Handle {
  readonly useUserBuffer?: unknown;
}
interface WithHandle {
  _handle: Handle | null;
}

/** @param bytes are lent: they are others once it has returned */
type Take = (bytes: Buffer) => void;

/**
 * A connection whose bytes are read into memory that all connections share. For each read of an accepted socket
 * Node allocates 64 KiB, and then cuts them down to what came: that took a fifth of the time in which a request
 * is received and answered. A buffer of one's own (`onread`) is only for sockets that one makes oneself. So this
 * is one, over the handle of the accepted socket, made with the option by which `net.Server` makes its sockets;
 * it is not documented, and where there is none, bytes are read as usual.
 */
export class SharedReads {
  readonly socket: Socket;
  #take: Take | undefined;

  constructor(accepted: Socket, take: Take) {
    this.#take = take;
    this.socket = this.#over(accepted) ?? accepted.on('data', take);
  }

  /** From here on what is read is the socket's to emit. */
  release(): void {
    if (this.#take !== undefined) this.socket.off('data', this.#take);
    this.#take = undefined;
  }

  #over(accepted: Socket): Socket | undefined {
    const owner = accepted as unknown as WithHandle;
    const handle = owner._handle;
    if (typeof handle?.useUserBuffer !== 'function') return undefined;
    const options = {
      handle,
      allowHalfOpen: accepted.allowHalfOpen,
      onread: { buffer: shared, callback: this.#read },
    };
    const socket: Socket = new Socket(options as SocketConstructorOpts);
    if ((socket as unknown as WithHandle)._handle !== handle) return undefined;
    owner._handle = null;
    // The server counts the one that it has accepted.
    return socket.once('close', () => accepted.destroy());
  }

  /** Whether to read on at once. */
  readonly #read = (length: number): boolean => {
    const bytes = shared.subarray(0, length);
    if (this.#take === undefined) return this.socket.push(Buffer.from(bytes));
    this.#take(bytes);
    return true;
  };
}
