import type { Socket } from 'node:net';
import { failpoint } from '../../core/host/failpoint.js';
import type { Arrival } from '../../core/intake/arrival.js';
import type { BodyBudget, BodyRoom } from '../../core/intake/body-budget.js';
import { type Admitted, type Ingest, isReply } from '../../core/intake/ingest.js';
import { type Reply, replies } from '../../core/intake/reply.js';
import type { Begun } from './any-request.js';
import { currentSecond, messageOf, unreadFrom } from './message.js';
import { type PlainHead, readPlainHead } from './plain-request.js';
import { SharedReads } from './shared-reads.js';

export interface PlainOptions {
  /** Bytes. */
  readonly maxBody: number;
  /** Milliseconds that a new connection may say nothing. */
  readonly headerTimeout: number;
  /** Milliseconds that an idle connection is kept, and that a sender may leave its answers unread. */
  readonly keepAlive: number;
  readonly budget: BodyBudget;
  /**
   * Takes the connection over; the bytes of its next request so far have still to be read from it.
   * @param begun what became of that one's head, where it was read
   */
  readonly handOver: (socket: Socket, unread: Buffer | undefined, begun: Begun | undefined) => void;
}

/** Milliseconds that a connection may take for a request before it is no longer plain. */
const patience = 1000;

/**
 * A connection while every request on it is plain. It reads, passes on and answers them as `node:http`
 * would, for a third of the time; at the first one that is not plain, or not quick, or not alone, it hands
 * the connection over to `node:http` for good.
 */
export class PlainConnection {
  readonly #reads: SharedReads;
  readonly #socket: Socket;
  readonly #ingest: Ingest;
  readonly #options: PlainOptions;
  /**
   * `new`: nothing was asked yet. `part`: some of a request is here. `busy`: an answer is being made. `unread`: the
   * sender asks on and does not read what it is answered.
   */
  #state: 'new' | 'idle' | 'part' | 'busy' | 'unread' = 'new';
  /** In seconds, when it was made or answered last. */
  #restingSince = currentSecond();
  #head: PlainHead | undefined;
  /** What the head was answered, or let in, where more of the body has still to come; and the room for that. */
  #judged: Admitted | Reply | undefined;
  #room: BodyRoom | undefined;
  /** The request so far. */
  #chunks: Buffer[] = [];
  #received = 0;
  #since = 0;
  /** What came before the answer to the request before it. */
  #ahead: Buffer | undefined;
  #last = false;

  constructor(accepted: Socket, ingest: Ingest, options: PlainOptions) {
    this.#reads = new SharedReads(accepted, this.#receive);
    this.#socket = this.#reads.socket;
    this.#ingest = ingest;
    this.#options = options;
    this.#socket
      .on('end', this.#ended)
      .on('timeout', this.#late)
      .on('error', ignore)
      .on('close', this.#closed);
    this.#socket.setTimeout(options.headerTimeout);
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** Whole seconds that nothing is asked on it, about; `undefined` while something is. */
  get rested(): number | undefined {
    return this.#state === 'new' || this.#state === 'idle' ? currentSecond() - this.#restingSince : undefined;
  }

  /** Ends after the answer under way; a request of which some is here is `node:http`'s to finish. */
  close(): void {
    if (this.#state === 'part') this.#handOver();
    else this.#end();
  }

  /** @param lent overwritten afterwards: what is kept of it is a copy */
  readonly #receive = (lent: Buffer): void => {
    if (this.#state === 'busy' || this.#state === 'unread') {
      this.#ahead = Buffer.concat(this.#ahead === undefined ? [lent] : [this.#ahead, lent]);
      this.#socket.pause();
      return;
    }
    // It crossed our end of the connection, and could not be answered: the sender asks again elsewhere.
    if (this.#last) return;
    this.#received += lent.length;
    this.#head ??= readPlainHead(lent, this.#socket.remoteAddress);
    if (this.#state === 'new' && this.#head !== undefined) this.#ingest.meet(this.#head);
    const whole = this.#wholeLength();
    if (whole === this.#received) {
      this.#accept(lent);
      return;
    }
    this.#chunks.push(Buffer.from(lent));
    if (whole > this.#received && !this.#isLate() && this.#mayCome()) this.#await();
    else this.#handOver();
  };

  /** Whether the rest of the body may be read here: its head is judged, and its room taken, before more of it is. */
  #mayCome(): boolean {
    if (this.#judged !== undefined) return true;
    const head = this.#head as PlainHead;
    const judged = this.#ingest.admit(head, head.bodyLength, this.#options.maxBody);
    this.#judged = judged;
    if (isReply(judged)) return false;
    this.#room = this.#options.budget.take(this.#ingest.clientOf(judged), head.bodyLength);
    return this.#room !== undefined;
  }

  /** Bytes of the request; 0 when it is not plain or too large. */
  #wholeLength(): number {
    const head = this.#head;
    return head === undefined || head.bodyLength > this.#options.maxBody ? 0 : head.length + head.bodyLength;
  }

  #await(): void {
    if (this.#state === 'part') return;
    this.#state = 'part';
    this.#since = performance.now();
    this.#socket.setTimeout(patience);
  }

  #isLate(): boolean {
    return this.#state === 'part' && performance.now() - this.#since > patience;
  }

  #accept(lent: Buffer): void {
    const head = this.#head as PlainHead;
    const judged = this.#judged ?? this.#ingest.admit(head, head.bodyLength, this.#options.maxBody);
    const room = this.#room;
    const chunks = this.#chunks;
    if (this.#state !== 'idle') this.#socket.setTimeout(this.#options.keepAlive);
    this.#state = 'busy';
    this.#forget();
    if (isReply(judged)) {
      this.#refuse(judged, head, head.bodyLength);
      return;
    }
    const { budget } = this.#options;
    if (room === undefined && !budget.enter(head.bodyLength)) {
      this.#refuse(this.#ingest.full(), head, head.bodyLength);
      return;
    }
    const body =
      chunks.length === 0
        ? Buffer.from(lent.subarray(head.length))
        : Buffer.concat([...chunks, lent]).subarray(head.length);
    void this.#ingest.accept(judged, body).then((reply) => {
      if (room === undefined) budget.leave(head.bodyLength);
      else room.release();
      this.#answer(reply);
    });
  }

  /** What was of the last request. */
  #forget(): void {
    this.#head = undefined;
    this.#judged = undefined;
    this.#room = undefined;
    this.#chunks = [];
    this.#received = 0;
  }

  readonly #answer = (reply: Reply): void => {
    this.#state = 'idle';
    if (!this.#socket.writable) return;
    const taken = this.#socket.write(
      messageOf(reply, this.#last ? undefined : this.#options.keepAlive),
      'latin1',
    );
    failpoint?.('request.answered');
    this.#restingSince = currentSecond();
    if (this.#last) {
      this.#socket.destroySoon();
    } else if (!taken) {
      this.#state = 'unread';
      this.#socket.pause().once('drain', this.#read);
    } else {
      this.#goOn();
    }
  };

  readonly #read = (): void => {
    this.#state = 'idle';
    if (this.#last) this.#socket.destroySoon();
    else this.#goOn();
  };

  /** To what came meanwhile. */
  #goOn(): void {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (this.#socket.isPaused()) this.#socket.resume();
    if (ahead !== undefined) this.#receive(ahead);
  }

  /** The sender has closed its side: it still reads the answer to what it has asked. */
  readonly #ended = (): void => {
    const isCutOff = this.#state === 'part';
    this.#end();
    if (!isCutOff) return;
    this.#closed();
    const { remoteAddress } = this.#socket;
    this.#refuse(this.#ingest.knockAt(remoteAddress) ?? replies.malformed, unreadFrom(remoteAddress));
  };

  readonly #closed = (): void => {
    this.#room?.release();
    this.#room = undefined;
  };

  /** The sender has closed its side, or we close ours. */
  #end(): void {
    this.#last = true;
    if (this.#state === 'new' || this.#state === 'idle') this.#socket.destroySoon();
  }

  #refuse(reply: Reply, arrival: Arrival, size?: number): void {
    this.#ingest.refused(reply, arrival, size);
    this.#answer(reply);
  }

  readonly #late = (): void => {
    if (this.#state === 'new' || this.#state === 'idle' || this.#state === 'unread') this.#socket.destroy();
    else if (this.#state !== 'busy') this.#handOver();
  };

  #handOver(): void {
    this.#reads.release();
    this.#socket
      .off('end', this.#ended)
      .off('timeout', this.#late)
      .off('error', ignore)
      .off('close', this.#closed)
      .setTimeout(0);
    const unread = this.#received === 0 ? undefined : Buffer.concat(this.#chunks);
    const begun = this.#judged && { judged: this.#judged, room: this.#room };
    this.#forget();
    this.#options.handOver(this.#socket, unread, begun);
  }
}

function ignore(): void {}
