import { messageOf } from '../core/contract/errors.js';
import type { Logger } from '../core/contract/logger.js';
import { failpoint } from '../core/host/failpoint.js';
import { Backoff } from '../core/kit/backoff.js';
import { Channel, ProcessEnded, RemoteError } from './channel.js';
import type { Process } from './fork.js';
import type { ReloadAnswers, RoleAnswers, Start, SupervisorAnswers } from './roles/role.js';

/** What every child answers, besides its role's own. */
interface Control extends ReloadAnswers {
  /** Tells that its event loop runs. */
  readonly beat: (argument: undefined) => void;
  readonly stop: (grace: number) => void;
}

/** A process that has run so long is healthy: the next restart does not wait. */
const healthyAfter = 30_000;

/** A process that has not started after so long hangs, as on a disk that does not answer. */
const startTimeout = 60_000;

/** How long a reload waits for a process that is being started. */
const startPatience = 5_000;

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

  /** Resolves when the process answers; `undefined` while none has started. */
  beat(): Promise<void> | undefined {
    return this.#upChannel()?.ask('beat', undefined);
  }

  /** The way to ask the process, as soon as one has started. @param timeout milliseconds */
  async ready(timeout: number): Promise<Channel<A> | undefined> {
    const end = performance.now() + timeout;
    while (this.channel === undefined && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.channel;
  }

  /** Rejects when the first process cannot start; a later one is tried again and again. */
  open(): Promise<void> {
    return this.#fill();
  }

  /**
   * Lets the process make ready for another configuration; one that is being started, first start.
   * Rejects when it says that it cannot.
   */
  async prepare(text: string): Promise<void> {
    if (this.#process !== undefined) await this.ready(startPatience);
    const channel = this.#upChannel();
    await channel?.ask('prepare', text).catch((error) => {
      // One that died meanwhile starts again with what is in force then.
      if (!(error instanceof ProcessEnded)) throw error;
    });
  }

  /** Puts in force what was prepared. A process that does not is ended: the next one starts with it. */
  async adopt(): Promise<void> {
    const child = this.#process;
    const channel = this.#upChannel();
    if (child === undefined) return;
    try {
      if (channel === undefined) throw new Error('it was just being started');
      await channel.ask('adopt', undefined);
    } catch (error) {
      this.#logger.warn({}, `${this.name} is started again for the new configuration: ${messageOf(error)}`);
      child.kill('SIGKILL');
    }
  }

  #upChannel(): Channel<Control> | undefined {
    return this.#up ? this.#channel : undefined;
  }

  /** From now on nobody is replaced. */
  retire(): void {
    this.#stopping = true;
    clearTimeout(this.#respawn);
  }

  /** Lets the process end in order; one that does not within `grace` milliseconds is killed. */
  async close(grace: number): Promise<void> {
    this.retire();
    const child = this.#process;
    if (child === undefined) return;
    const kill = setTimeout(() => child.kill('SIGKILL'), grace);
    // One that is still starting may not hear it yet, and has nothing to finish.
    if (this.#up) await this.#channel?.ask('stop', grace * 0.8, grace).catch(() => undefined);
    child.kill('SIGTERM');
    await this.#exited;
    clearTimeout(kill);
  }

  kill(): void {
    this.#process?.kill('SIGKILL');
  }

  /** The child speaks first: what is sent to a cluster worker before it listens is lost. */
  #fill(): Promise<void> {
    const begun = performance.now();
    return new Promise((resolve, reject) => {
      if (this.#stopping) throw new Error('shutting down');
      const child = this.#spawn();
      this.#process = child;
      failpoint?.('child.spawned');
      const hangs = setTimeout(() => child.kill('SIGKILL'), startTimeout);
      const answers: SupervisorAnswers = {
        begin: () => {
          failpoint?.('child.begun');
          return this.#start();
        },
        started: ({ port }) => {
          this.#port = port ?? this.#port;
          this.#up = true;
          failpoint?.('child.started');
          clearTimeout(hangs);
          resolve();
        },
        failed: ({ message, config }) => reject(new RemoteError(message, config)),
      };
      this.#channel = new Channel<Control>(child, { ...answers });
      this.#exited = new Promise((exited) => {
        const gone = once((why: string) => {
          clearTimeout(hangs);
          exited();
          reject(new RemoteError(`it ended (${why})`, false));
          this.#lost(why, performance.now() - begun);
        });
        child.on('exit', (code, signal) => gone(signal ?? `exit code ${code}`));
        // A process that could not be made at all, for want of memory or of process ids, never exits.
        child.on('error', (error) => {
          if (child.pid === undefined) gone(messageOf(error));
        });
      });
    });
  }

  #lost(why: string, lived: number): void {
    const wasUp = this.#up;
    this.#up = false;
    this.#process = undefined;
    if (this.#stopping) return;
    if (lived > healthyAfter) this.#backoff.reset();
    const wait = this.#backoff.next();
    this.#logger.error(
      {},
      `${this.name} ${wasUp ? 'died' : 'could not start'} (${why}) and is started again in ${Math.round(wait)} ms`,
    );
    this.#respawn = setTimeout(() => this.#again(), wait);
  }

  #again(): void {
    this.#respawn = undefined;
    this.#restarted();
    this.#fill().catch((error) => {
      if (this.#stopping) return;
      this.#logger.error({}, `${this.name} could not start: ${messageOf(error)}`);
      if (this.#process === undefined)
        this.#respawn ??= setTimeout(() => this.#again(), this.#backoff.next());
      this.kill();
    });
  }
}

function once<A>(action: (argument: A) => void): (argument: A) => void {
  let done = false;
  return (argument) => {
    if (done) return;
    done = true;
    action(argument);
  };
}
