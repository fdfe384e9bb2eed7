import { definePlugin, keys } from 'hookline/plugin';
import { MysqlDestination } from './destination.js';
import { config } from './options.js';

export default definePlugin({
  kind: 'destination',
  name: 'mysql',
  description: 'MySQL and MariaDB, written by multi-row INSERT',
  config,
  guarantee: ({ ledger }) =>
    `The rows of a batch and its entry in the ledger, the table ${ledger}, are one InnoDB transaction: both are there ` +
    'or neither, and a batch that comes again finds its entry. It rests on innodb_flush_log_at_trx_commit = 1 and, ' +
    'where there is a binary log, sync_binlog = 1: else a crash of the machine loses what was committed last.',
  defaults: { flush: { rows: 10_000, bytes: '16MiB', every: '1s' }, concurrency: 2, timeout: '5m' },
  create: (options, get) => new MysqlDestination(options, get(keys.logger)),
});
