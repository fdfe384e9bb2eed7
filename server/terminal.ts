import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';

/** A terminal closes a moment after its shell has passed on the hangup. */
const patience = 500;

/**
 * The terminal that this process was started from, if any. SIGHUP means that it is gone, and then the
 * process should end; but also, by custom, that a server should read its configuration again.
 */
export class Terminal {
  readonly #streams = [0, 1, 2].filter((stream) => isatty(stream));

  /** Whether it is gone. Then nothing is written to it any more: neither the log nor Node itself survives that. */
  async isGone(): Promise<boolean> {
    if (this.#streams.length === 0) return false;
    const end = Date.now() + patience;
    while (this.#streams.some((stream) => isatty(stream))) {
      if (Date.now() >= end) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const stream of this.#streams.splice(0)) {
      closeSync(stream);
      // Takes the lowest number that is free: the one just closed.
      openSync(devNull, 'r+');
    }
    return true;
  }
}
