import { ConfigError, instructionOf, messageOf } from '../../core/index.js';
import { FileDestination, type FileOptions, filePlugin } from './file-destination.js';

/** Says with which options it could not be opened. */
class LeaksThePassword extends FileDestination {
  readonly #shown: string;

  constructor(options: FileOptions) {
    super(options);
    this.#shown = JSON.stringify(options);
  }

  override async open(signal: AbortSignal): Promise<void> {
    try {
      await super.open(signal);
    } catch (error) {
      if (instructionOf(error) !== 'config') throw error;
      throw new ConfigError(`${messageOf(error)}: ${this.#shown}`);
    }
  }
}

export default filePlugin(LeaksThePassword);
