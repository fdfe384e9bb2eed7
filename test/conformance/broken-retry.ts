import { randomUUID } from 'node:crypto';
import type { Batch } from '../../core/index.js';
import { FileDestination, filePlugin } from './file-destination.js';

/** Names its file at random, so that a batch which comes again is another file. */
class DoublesOnRetry extends FileDestination {
  override async write(batch: Batch, signal: AbortSignal): Promise<void> {
    await super.write({ ...batch, id: randomUUID() }, signal);
  }
}

export default filePlugin(DoublesOnRetry);
