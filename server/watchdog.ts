import inspector from 'node:inspector';
import type { Logger } from '../core/contract/logger.js';

/** A process that is watched: one place of the supervisor's crew. */
export interface Watched {
  readonly name: string;
  /** Resolves when the process answers; `undefined` while none has started. */
  beat(): Promise<void> | undefined;
  /** Ends the process at once; another one takes its place. */
  kill(): void;
}

export interface Limits {
  /** Milliseconds between two questions. */
  readonly every: number;
  /** Milliseconds without an answer after which the process counts as hung: it is told, and `/ready` fails. */
  readonly silent: number;
  /** Milliseconds without an answer after which it is replaced: some later, so that probes see it. */
  readonly replaced: number;
}

const usual: Limits = { every: 1000, silent: 15_000, replaced: 20_000 };

/**
 * Finds processes that hang: an SDK that blocks, a disk that does not answer, SIGSTOP. Silence counts only while this
 * process itself runs evenly, so that a suspended machine replaces nobody when it wakes up.
 */
export class Watchdog {
  readonly #watched: readonly Watched[];
  readonly #logger: Logger;
  readonly #limits: Limits;
  /** Milliseconds for which each has not answered. */
  readonly #silence = new Map<Watched, number>();
  #timer: NodeJS.Timeout | undefined;
  #last = 0;

  constructor(watched: readonly Watched[], logger: Logger, limits = usual) {
    this.#watched = watched;
    this.#logger = logger;
    this.#limits = limits;
  }

  start(): void {
    // Who debugs with breakpoints stops processes on purpose.
    if (inspector.url() !== undefined) return;
    this.#last = performance.now();
    this.#timer ??= setInterval(() => this.#tick(), this.#limits.every);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Whether the process hangs. */
  isSilent(one: Watched): boolean {
    return (this.#silence.get(one) ?? 0) >= this.#limits.silent;
  }

  /** Why this server is not ready: a line for each process that hangs. */
  faults(): string[] {
    return this.#watched.filter((one) => this.isSilent(one)).map((one) => this.#fault(one));
  }

  #tick(): void {
    const now = performance.now();
    const elapsed = Math.min(now - this.#last, this.#limits.every * 2);
    this.#last = now;
    for (const one of this.#watched) this.#look(one, elapsed);
  }

  #look(one: Watched, elapsed: number): void {
    const beat = one.beat();
    if (beat === undefined) {
      this.#silence.delete(one);
      return;
    }
    const wasSilent = this.isSilent(one);
    const silence = (this.#silence.get(one) ?? 0) + elapsed;
    this.#silence.set(one, silence);
    beat.then(
      () => this.#silence.delete(one),
      () => undefined,
    );
    const { silent, replaced } = this.#limits;
    if (!wasSilent && silence >= silent) {
      this.#logger.error({}, `${this.#fault(one)}; it is replaced if it goes on`);
    }
    if (silence < replaced) return;
    this.#logger.error({}, `${this.#fault(one)}: it is killed, and another takes its place`);
    this.#silence.delete(one);
    one.kill();
  }

  #fault(one: Watched): string {
    return `${one.name} hangs: no answer for ${Math.round((this.#silence.get(one) ?? 0) / 1000)} s`;
  }
}
