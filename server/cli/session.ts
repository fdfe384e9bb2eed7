import type { Container } from 'inversify';
import { loadConfig } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { builtins } from '../../connectors/index.js';
import { parts } from '../../core/contract/keys.js';
import type { Logger } from '../../core/contract/logger.js';
import type { Pipeline } from '../../core/contract/pipeline.js';
import type { Spool } from '../../core/contract/spool.js';
import type { TokenStore } from '../../core/contract/token-store.js';
import type { Outlet } from '../../core/delivery/outlet.js';
import { Lifecycle } from '../../core/host/lifecycle.js';
import { Registry } from '../../core/host/registry.js';
import { compose } from '../compose.js';
import { CommandError, exitCodes } from './exit.js';

const openTimeout = 30_000;

/** What a command works with: the configuration, and the parts that it opens. */
export class Session {
  readonly config: Config;
  readonly container: Container;
  readonly #lifecycle = new Lifecycle();

  private constructor(config: Config, container: Container) {
    this.config = config;
    this.container = container;
  }

  /** Runs a command on a configuration and closes what it opened. @throws ConfigProblems */
  static async run<T>(file: string, command: (session: Session) => Promise<T>): Promise<T> {
    const config = await loadConfig(file, new Registry(builtins));
    const session = new Session(config, compose(config, silent));
    try {
      return await command(session);
    } finally {
      await session.#lifecycle.close();
    }
  }

  async spool(): Promise<Spool> {
    const spool = this.container.get(parts.spool);
    this.#lifecycle.opened('spool', () => spool.close());
    await spool.open(AbortSignal.timeout(openTimeout));
    return spool;
  }

  async tokens(): Promise<TokenStore> {
    const tokens = this.container.get(parts.tokens);
    this.#lifecycle.opened('tokens', () => tokens.close());
    await tokens.open(AbortSignal.timeout(openTimeout));
    return tokens;
  }

  /** A destination that is not open yet. */
  outlet(name: string): Outlet {
    const outlet = this.container.get(parts.outlets).get(name);
    if (outlet === undefined) {
      const known = [...this.config.destinations.keys()].join(', ');
      throw new CommandError(`there is no destination ${name}; there are: ${known}`, exitCodes.usage);
    }
    this.#lifecycle.opened(name, () => outlet.close());
    return outlet;
  }

  pipeline(id: string): Pipeline {
    const pipeline = this.config.pipelines.get(id);
    if (pipeline !== undefined) return pipeline;
    const known = [...this.config.pipelines.keys()].join(', ') || 'none';
    throw new CommandError(`there is no pipeline ${id}; there are: ${known}`, exitCodes.usage);
  }

  /** The spool may still hold something of a pipeline that is removed: an unknown one is wrong where nothing is found. */
  expectFound(count: number, pipeline: string | undefined): void {
    if (count === 0 && pipeline !== undefined) this.pipeline(pipeline);
  }
}

/** A command tells its errors itself. */
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
