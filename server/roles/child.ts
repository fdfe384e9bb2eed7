import 'reflect-metadata';
import { setFlagsFromString } from 'node:v8';
import { loadConfig } from '../../config/load.js';
import { builtins } from '../../connectors/index.js';
import { messageOf } from '../../core/contract/errors.js';
import { Registry } from '../../core/host/registry.js';
import { Channel } from '../channel.js';
import { endOnUncaught, exitCodes, explain } from '../cli/exit.js';
import { compose } from '../compose.js';
import { createLogger } from '../logging.js';
import { Terminal } from '../terminal.js';
import { startAck } from './ack.js';
import { startLoad } from './load.js';
import { startRead } from './read.js';
import type { Role, RoleAnswers, Start, SupervisorAnswers } from './role.js';

/**
 * Percent by which the load process's heap may grow, batches included, until V8 collects all that lies about: up to
 * 300 by itself. It is said to a running V8 because that goes on where a later one does not know the flag.
 */
const heapGrowth = 150;

/**
 * A process of the ack or the load role. It does what its supervisor says, and ends, in order, when the
 * supervisor ends: nobody else would restart it.
 */
class Child {
  #role: Role<RoleAnswers> | undefined;
  #stopping: Promise<void> | undefined;
  #grace = 5000;
  #file = '';
  /** Puts the configuration in force that was prepared last. */
  #adopt: (() => void) | undefined;
  readonly #answers: Record<string, (argument: never) => unknown> = {
    beat: () => undefined,
    stop: (grace: number) => this.#stop(grace),
    prepare: (text: string) => this.#prepare(text),
    adopt: () => {
      if (this.#adopt === undefined) throw new Error('no configuration was prepared');
      this.#adopt();
    },
  };
  readonly #supervisor = new Channel<SupervisorAnswers>(process, this.#answers);

  async run(): Promise<void> {
    // Ctrl-C and the terminal's end reach every process of it; the supervisor tells its children what to do.
    process.on('SIGINT', () => undefined);
    const terminal = new Terminal();
    process.on('SIGHUP', () => void terminal.isGone());
    process.on('SIGTERM', () => void this.#end(0));
    process.on('disconnect', () => void this.#end(0));
    // The supervisor may have ended while this process was still loading its modules.
    if (!process.connected) process.exit(0);
    try {
      this.#role = await this.#start(await this.#supervisor.ask('begin', undefined));
    } catch (error) {
      const { text: message, exitCode } = explain(error);
      await this.#supervisor.ask('failed', { message, config: exitCode === exitCodes.config });
      process.exit(exitCode);
    }
    Object.assign(this.#answers, this.#role.answers);
    const { port } = this.#role;
    await this.#supervisor.ask('started', port === undefined ? {} : { port });
  }

  async #start({ role: name, file, text, port }: Start): Promise<Role<RoleAnswers>> {
    process.title = `hookline ${name}`;
    if (name === 'load') setFlagsFromString(`--heap-growing-percent=${heapGrowth}`);
    const logger = await createLogger(name);
    const config = await loadConfig(file, new Registry(builtins), { text });
    this.#grace = config.server.grace;
    this.#file = file;
    const container = compose(config, logger);
    if (name === 'ack') return startAck(config, container, port);
    if (name === 'read') return startRead(container);
    return startLoad(config, container, (error) => {
      logger.error({}, messageOf(error));
      void this.#end(1);
    });
  }

  async #prepare(text: string): Promise<void> {
    this.#adopt = undefined;
    const config = await loadConfig(this.#file, new Registry(builtins), { text });
    const adopt = this.#role?.prepare(config);
    this.#adopt = () => {
      this.#adopt = undefined;
      this.#grace = config.server.grace;
      adopt?.();
    };
  }

  #stop(grace: number): Promise<void> {
    this.#stopping ??= this.#role?.stop(grace) ?? Promise.resolve();
    return this.#stopping;
  }

  async #end(code: number): Promise<void> {
    await this.#stop(this.#grace).catch(() => undefined);
    process.exit(code);
  }
}

endOnUncaught();
await new Child().run();
