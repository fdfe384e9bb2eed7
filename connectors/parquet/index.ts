import { definePlugin, keys } from 'hookline/plugin';
import { ParquetDestination } from './destination.js';
import { config } from './options.js';

export default definePlugin({
  kind: 'destination',
  name: 'parquet',
  description: 'Parquet files in hourly partitions, in a folder or on S3',
  config,
  guarantee:
    "A batch is one file, named by the batch's id, which appears whole or not at all; a second one of that name " +
    'is never made, so a batch that comes again adds nothing, and there is no ledger. While hookline compact merges an ' +
    'hour, readers may see its rows twice for a moment, and never not at all.',
  // Each batch is a file, and readers like few large ones; but each of its bytes takes some ten of memory.
  defaults: { flush: { rows: 100_000, bytes: '8MiB', every: '1m' }, concurrency: 2, timeout: '10m' },
  create: (options, get) => new ParquetDestination(options, get(keys.metrics)),
});
