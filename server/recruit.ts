import { forkAck, type Process } from './fork.js';

/**
 * An ack worker that is forked before anyone knows what it will do: it loads its modules while this process loads
 * its own and reads the configuration.
 */
export class Recruit {
  #process: Process | undefined = forkAck();
  readonly #heard: unknown[] = [];

  constructor() {
    this.#process?.on('message', this.#hear);
    this.#process?.on('exit', this.#gone);
    this.#process?.on('error', this.#gone);
  }

  /** Its process, once, with what it has said so far still to come; `undefined` when it has ended. */
  enlist(): Process | undefined {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined) return undefined;
    process.off('message', this.#hear).off('exit', this.#gone).off('error', this.#gone);
    setImmediate(() => {
      for (const message of this.#heard) process.emit('message', message);
    });
    return process;
  }

  /** Ends it, unless it was enlisted: as long as it waits for its work, this process does not end either. */
  dismiss(): void {
    this.#process?.kill('SIGKILL');
  }

  readonly #hear = (message: unknown): void => {
    this.#heard.push(message);
  };

  readonly #gone = (): void => {
    this.#process = undefined;
  };
}
