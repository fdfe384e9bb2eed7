import type { Destination } from '../contract/destination.js';
import { ConfigError, instructionOf, messageOf } from '../contract/errors.js';

/**
 * Stands where a destination's plugin could not make it: its lanes halt and say why, and those of the others go on.
 */
export class Unmade implements Destination {
  readonly #error: unknown;

  constructor(name: string, error: unknown) {
    const isKnown = instructionOf(error) !== undefined;
    this.#error = isKnown
      ? error
      : new ConfigError(`${name}: its plugin does not make it: ${messageOf(error)}`, { cause: error });
  }

  async open(): Promise<void> {
    throw this.#error;
  }

  async ensureTable(): Promise<void> {
    throw this.#error;
  }

  async check(): Promise<void> {
    throw this.#error;
  }

  async write(): Promise<void> {
    throw this.#error;
  }

  async close(): Promise<void> {}
}
