import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Reply } from '../../core/intake/reply.js';
import { messageOf } from './message.js';

/** Milliseconds in which the sender may read the last answer while what it still writes is thrown away. */
const patience = 1000;

/**
 * What ends a connection of `node:http`: an answer to what could not be read as a request, or to a request
 * whose rest is not read. It comes in its turn, after the answers that are still being made: a sender would
 * else take it for the answer to a request that has in truth been accepted.
 */
export class LastAnswer {
  readonly #underWay = new WeakMap<Socket, Set<IncomingMessage>>();
  readonly #waiting = new WeakMap<Socket, Reply>();
  readonly #over = new WeakSet<Socket>();

  /** Whether the connection has had its last request; another one must not be read (RFC 9112, 9.6). */
  isOver(socket: Socket): boolean {
    return this.#over.has(socket);
  }

  /** A request has begun; its body may still be coming. */
  received(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const requests = this.#underWay.get(socket) ?? new Set();
    this.#underWay.set(socket, requests.add(request));
    response.once('close', () => {
      requests.delete(request);
      this.#sendInTurn(socket);
    });
  }

  /** Ends the connection with this answer, which belongs to no request, or to one that breaks off. */
  give(socket: Socket, reply: Reply): void {
    this.#over.add(socket);
    this.#waiting.set(socket, reply);
    // Where the sender has closed its side, `node:http` would close ours behind the answer before this one.
    socket.destroySoon = () => undefined;
    this.#sendInTurn(socket);
  }

  /** What follows on the connection is not looked at; what is under way is answered. */
  ignoreRest(socket: Socket): void {
    this.#over.add(socket);
  }

  /** Ends the connection with the response. */
  end(socket: Socket, response: ServerResponse): void {
    this.#over.add(socket);
    response.shouldKeepAlive = false;
    socket.destroySoon = () => linger(socket);
  }

  /** Whoever has sent a whole request is owed its answer first. */
  #sendInTurn(socket: Socket): void {
    const reply = this.#waiting.get(socket);
    if (reply === undefined) return;
    for (const { complete } of this.#underWay.get(socket) ?? []) if (complete) return;
    this.#waiting.delete(socket);
    send(socket, reply);
  }
}

function send(socket: Socket, reply: Reply): void {
  // Our side was ended by the answer before; a connection that was reset has nobody at its other end.
  if (socket.writableEnded) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.write(messageOf(reply, undefined), 'latin1');
  linger(socket);
}

/** To close it while the sender still writes would reset it, and the sender might never see the answer. */
function linger(socket: Socket): void {
  socket.end();
  const late = setTimeout(() => socket.destroy(), patience);
  socket.once('close', () => clearTimeout(late));
}
