import { readFileSync } from 'node:fs';

/** File handles that the journal, LMDB, logs and the way to the supervisor need, whatever senders do. */
const reserve = 128;

/** Whole seconds after which a connection without a request may have to go. */
const restful = 2;

/** What of a connection tells whether it may go. */
interface Resting {
  /** Whole seconds that nothing is asked on it; `undefined` while something is. */
  readonly rested: number | undefined;
}

/**
 * How many connections there are, and whether there is room for another: without a limit they would take the
 * handles that the spool needs. Those on which nothing is asked give way to newcomers, the longest idle first, so
 * that nobody can keep senders out by doing nothing.
 */
export class Crowd {
  readonly most: number;
  readonly #idlers: ReadonlyMap<{ destroy(): unknown }, Resting>;
  #present = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(most: number, connections: ReadonlyMap<{ destroy(): unknown }, Resting>) {
    this.most = most;
    this.#idlers = connections;
  }

  /** Whether newcomers are turned away now. */
  get full(): boolean {
    return this.#present >= this.most && performance.now() - this.#refusedAt < 1000;
  }

  /** Takes one in, if there is room or can be made. */
  admit(): boolean {
    if (this.#present >= this.most && !this.#makeRoom()) return false;
    this.#present++;
    return true;
  }

  left(): void {
    this.#present--;
  }

  /** Looks through all of them, so not at each newcomer: it ends some at once, and waits where there were none. */
  #makeRoom(): boolean {
    const now = performance.now();
    if (now - this.#refusedAt < 100) return false;
    const idlers = [...this.#idlers]
      .map(([connection, { rested = 0 }]) => ({ connection, rested }))
      .filter(({ rested }) => rested >= restful)
      .sort((a, b) => b.rested - a.rested)
      .slice(0, Math.ceil(this.most / 16));
    for (const { connection } of idlers) connection.destroy();
    if (idlers.length === 0) this.#refusedAt = now;
    return idlers.length > 0;
  }
}

/** How many connections this process can hold; endless where the system does not tell. */
export function mostConnections(): number {
  let limits: string;
  try {
    limits = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return Number.POSITIVE_INFINITY;
  }
  const [, soft] = /^Max open files +(\d+)/m.exec(limits) ?? [];
  return soft === undefined ? Number.POSITIVE_INFINITY : Math.max(reserve / 2, Number(soft) - reserve);
}
