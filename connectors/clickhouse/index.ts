import { definePlugin } from 'hookline/plugin';
import { ClickhouseDestination } from './destination.js';
import { config } from './options.js';

export default definePlugin({
  kind: 'destination',
  name: 'clickhouse',
  description: 'ClickHouse, one part for each batch',
  config,
  guarantee:
    'There are no transactions, and so no ledger: a batch is one block, stored whole or not at all. One that comes ' +
    'again is found by its rows, which holds for as long as they are in the table, so do not delete rows of the last ' +
    'hours. Two tries that overlap are told apart by ClickHouse, within its window of deduplication. Materialized ' +
    'views are outside of this.',
  // Each batch is a part on its disk, which it has to merge: fewer and larger ones than elsewhere.
  defaults: { flush: { rows: 50_000, bytes: '12MiB', every: '2s' }, concurrency: 2, timeout: '5m' },
  create: (options) => new ClickhouseDestination(options),
});
