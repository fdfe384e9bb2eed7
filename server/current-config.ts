import type { Config } from '../config/schema.js';

/** The configuration in force: it reads as one, and a reload puts another in its place. Keep no part of it. */
export class CurrentConfig implements Config {
  #config: Config;

  constructor(config: Config) {
    this.#config = config;
  }

  get file(): Config['file'] {
    return this.#config.file;
  }

  get text(): Config['text'] {
    return this.#config.text;
  }

  get server(): Config['server'] {
    return this.#config.server;
  }

  get spool(): Config['spool'] {
    return this.#config.spool;
  }

  get tokens(): Config['tokens'] {
    return this.#config.tokens;
  }

  get destinations(): Config['destinations'] {
    return this.#config.destinations;
  }

  get pipelines(): Config['pipelines'] {
    return this.#config.pipelines;
  }

  replace(config: Config): void {
    this.#config = config;
  }
}
