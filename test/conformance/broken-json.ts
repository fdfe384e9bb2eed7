import type { Row } from '../../core/index.js';
import { FileDestination, filePlugin } from './file-destination.js';

/** Parses each body and writes it anew. */
class ReserialisesJson extends FileDestination {
  protected override encode(row: Row): string {
    const { body } = JSON.parse(super.encode(row)) as { readonly body: string };
    return super.encode({ ...row, body: Buffer.from(JSON.stringify(JSON.parse(body))) });
  }
}

export default filePlugin(ReserialisesJson);
