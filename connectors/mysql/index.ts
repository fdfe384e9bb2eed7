import { definePlugin, keys } from 'hookline/plugin';
import { MysqlDestination } from './destination.js';
import { config } from './options.js';

export default definePlugin({
  kind: 'destination',
  name: 'mysql',
  description: 'MySQL and MariaDB, written by multi-row INSERT',
  config,
  defaults: { flush: { rows: 10_000, bytes: '16MiB', every: '1s' }, concurrency: 2, timeout: '5m' },
  create: (options, get) => new MysqlDestination(get(keys.instance), options),
});
