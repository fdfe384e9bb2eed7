import { definePlugin, keys } from 'hookline/plugin';
import { SnowflakeDestination } from './destination.js';
import { config } from './options.js';

export default definePlugin({
  kind: 'destination',
  name: 'snowflake',
  description: 'Snowflake, by staged files and COPY INTO',
  config,
  guarantee:
    'The rows of a batch, by COPY INTO from staged files, and its entry in the ledger are one transaction; after the ' +
    'commit the ledger is asked, and its answer is what counts. A batch that comes again finds its entry and adds ' +
    'nothing, however long ago the first time was.',
  // A warehouse that wakes is billed for a minute: the flush follows that.
  defaults: { flush: { rows: 50_000, bytes: '40MiB', every: '60s' }, concurrency: 2, timeout: '15m' },
  create: (options, get) => new SnowflakeDestination(options, get(keys.logger), get(keys.metrics)),
});
