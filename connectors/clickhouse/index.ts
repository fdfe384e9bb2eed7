import { definePlugin, keys } from 'hookline/plugin';
import { ClickhouseDestination } from './destination.js';
import { config } from './options.js';

export default definePlugin({
  kind: 'destination',
  name: 'clickhouse',
  description: 'ClickHouse, one part for each batch',
  config,
  // Each batch is a part on its disk, which it has to merge: fewer and larger ones than elsewhere.
  defaults: { flush: { rows: 50_000, bytes: '32MiB', every: '2s' }, concurrency: 2, timeout: '5m' },
  create: (options, get) => new ClickhouseDestination(get(keys.instance), options),
});
