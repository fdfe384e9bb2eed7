import { Backoff } from '../core/backoff.js';
import { messageOf } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { Channel, type Endpoint, RemoteError } from './channel.js';
import type { RoleAnswers, Start, SupervisorAnswers } from './roles/role.js';

/** A child process, forked or of the cluster. */
export interface Process extends Endpoint {
  readonly pid?: number | undefined;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
  on(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
  kill(signal: NodeJS.Signals): unknown;
}

/** What every child answers, besides its role's own. */
interface Control {
  readonly stop: (grace: number) => void;
}

/** A process that has run so long is healthy: the next restart does not wait. */
const healthyAfter = 30_000;

/**
 * One place in the crew, which is kept filled: when its process dies, another takes its place, after a
 * backoff if that happens often.
 */
export class Post<A extends RoleAnswers> {
  readonly name: string;
  readonly #spawn: () => Process;
  readonly #start: () => Start;
  readonly #logger: Logger;
  readonly #restarted: () => void;
  readonly #backoff = new Backoff(50, 1000);
  #process: Process | undefined;
  #exited: Promise<void> | undefined;
  #channel: Channel<Control> | undefined;
  #up = false;
  #stopping = false;
  #port: number | undefined;
  #respawn: NodeJS.Timeout | undefined;

  constructor(parts: {
    readonly name: string;
    readonly spawn: () => Process;
    readonly start: () => Start;
    readonly logger: Logger;
    readonly restarted: () => void;
  }) {
    this.name = parts.name;
    this.#spawn = parts.spawn;
    this.#start = parts.start;
    this.#logger = parts.logger;
    this.#restarted = parts.restarted;
  }

  /** Where it listens, if it does. */
  get port(): number | undefined {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** The way to ask the process; `undefined` while there is none, or none that has started. */
  get channel(): Channel<A> | undefined {
    return this.#up ? (this.#channel as unknown as Channel<A>) : undefined;
  }

  /** The way to ask the process, as soon as one has started. @param timeout milliseconds */
  async ready(timeout: number): Promise<Channel<A> | undefined> {
    const end = Date.now() + timeout;
    while (this.channel === undefined && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.channel;
  }

  /** Rejects when the first process cannot start; a later one is tried again and again. */
  open(): Promise<void> {
    return this.#fill();
  }

  /** From now on nobody is replaced. */
  retire(): void {
    this.#stopping = true;
    clearTimeout(this.#respawn);
  }

  /** Lets the process end in order; one that does not within `grace` milliseconds is killed. */
  async close(grace: number): Promise<void> {
    this.retire();
    if (this.#process === undefined) return;
    const kill = setTimeout(() => this.kill(), grace);
    await this.#channel?.ask('stop', grace * 0.8, grace).catch(() => undefined);
    this.#process.kill('SIGTERM');
    await this.#exited;
    clearTimeout(kill);
  }

  kill(): void {
    this.#process?.kill('SIGKILL');
  }

  /** The child speaks first: what is sent to a cluster worker before it listens is lost. */
  #fill(): Promise<void> {
    const begun = Date.now();
    const child = this.#spawn();
    this.#process = child;
    return new Promise((resolve, reject) => {
      const answers: SupervisorAnswers = {
        begin: () => this.#start(),
        started: ({ port }) => {
          this.#port = port ?? this.#port;
          this.#up = true;
          resolve();
        },
        failed: ({ message, config }) => reject(new RemoteError(message, config)),
      };
      this.#channel = new Channel<Control>(child, { ...answers });
      this.#exited = new Promise((exited) => {
        child.on('exit', (code, signal) => {
          exited();
          reject(new RemoteError(`it ended (${signal ?? `exit code ${code}`})`, false));
          this.#lost(code, signal, Date.now() - begun);
        });
      });
    });
  }

  #lost(code: number | null, signal: string | null, lived: number): void {
    const wasUp = this.#up;
    this.#up = false;
    this.#process = undefined;
    if (this.#stopping) return;
    if (lived > healthyAfter) this.#backoff.reset();
    const wait = this.#backoff.next();
    this.#logger.error(
      { code, signal },
      `${this.name} ${wasUp ? 'died' : 'could not start'} and is started again in ${Math.round(wait)} ms`,
    );
    this.#respawn = setTimeout(() => this.#again(), wait);
  }

  #again(): void {
    this.#restarted();
    this.#fill().catch((error) => {
      this.#logger.error({}, `${this.name} could not start: ${messageOf(error)}`);
      this.kill();
    });
  }
}
