import { z } from 'zod';
import { bytes, definePlugin, duration, fileMode, path } from '../../core/index.js';
import { longestDelay } from '../../core/kit/options.js';
import { HostedDestination } from './hosted.js';

export default definePlugin({
  kind: 'destination',
  name: 'duckdb',
  description: 'A DuckDB file: no server, nothing to install',
  config: z.object({
    path: path().describe('The database file; it and its folder are made when they are missing'),
    mode: fileMode()
      .prefault('0600')
      .describe('Who may read and write the file, its log and what a query needs beside them'),
    schema: z.string().default('main').describe('The schema of its tables; made when it is missing'),
    ledger: z.string().default('__hookline_batches').describe('The table of landed batches, in the schema'),
    memoryLimit: bytes()
      .optional()
      .describe(
        'How much memory DuckDB may take, in the process of its own that has the file, as a cache too. Unless set 72MiB, and more where 2,048 rows at once need it',
      ),
    threads: z.int().min(1).max(1024).default(2).describe('How many threads DuckDB may use'),
    releaseAfter: duration()
      .refine((value) => value <= longestDelay, { error: 'expected a duration up to 24d' })
      .default(2000)
      .describe('The file is closed when idle for this long, so that other programs can open it'),
  }),
  guarantee: ({ ledger }) =>
    `The rows of a batch and its entry in the ledger, the table ${ledger}, are one transaction of the DuckDB file, ` +
    'flushed to the disk. A batch that comes again finds its entry and adds nothing. The file is one copy on one disk.',
  exclusive: true,
  defaults: { flush: { rows: 10_000, bytes: '6MiB', every: '1s' }, concurrency: 1 },
  // DuckDB does not tell capitals apart, in ASCII alone, also in names that are quoted.
  foldTable: (table) => table.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()),
  create: ({ mode, ...config }) => new HostedDestination({ ...config, mode: Number.parseInt(mode, 8) }),
});
