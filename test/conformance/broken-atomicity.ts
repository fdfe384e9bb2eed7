import type { Batch } from '../../core/index.js';
import { FileDestination, filePlugin } from './file-destination.js';

const chunk = 500;

/** Stores a batch chunk by chunk: once is once, but all is not all at once. */
class StoresInParts extends FileDestination {
  override async write(batch: Batch, signal: AbortSignal): Promise<void> {
    for (let from = 0; from < batch.rows.length; from += chunk) {
      const rows = batch.rows.slice(from, from + chunk);
      await super.write({ ...batch, id: `${batch.id} ${from}`, rows }, signal);
    }
  }
}

export default filePlugin(StoresInParts);
