import { definePlugin, path } from 'hookline/plugin';
import { z } from 'zod';
import { FileDestination } from './destination.js';

/** All there is to declare: it checks the YAML, and fills editors' completion and the reference. */
export default definePlugin({
  kind: 'destination',
  name: 'my-warehouse',
  description: 'Files of JSON lines under a ledger of batches',
  guarantee:
    'Rows count once an entry of the ledger names them, which appears by a rename; a batch that comes again finds it.',
  config: z.object({
    folder: path().describe('Where the tables lie; it must be there'),
  }),
  defaults: { flush: { every: '1s' }, concurrency: 2 },
  create: ({ folder }) => new FileDestination(folder),
});
