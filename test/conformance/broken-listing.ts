import type { Row } from '../../core/index.js';
import { FileDestination, filePlugin } from './file-destination.js';

/** Lists each request id once, though two rows may have it. */
class ListsOnce extends FileDestination {
  protected override list(rows: readonly Row[]): string[] {
    return [...new Set(super.list(rows))];
  }
}

export default filePlugin(ListsOnce);
