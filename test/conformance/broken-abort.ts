import type { Batch } from '../../core/index.js';
import { FileDestination, filePlugin } from './file-destination.js';

/** Takes an abort for an end, and an end for a success. */
class SwallowsTheAbort extends FileDestination {
  override async write(batch: Batch, signal: AbortSignal): Promise<void> {
    try {
      await super.write(batch, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

export default filePlugin(SwallowsTheAbort);
