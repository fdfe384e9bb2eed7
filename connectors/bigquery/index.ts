import { definePlugin, keys } from 'hookline/plugin';
import { BigqueryDestination } from './destination.js';
import { config, leastInterval } from './options.js';
import { Statistics } from './statistics.js';

export default definePlugin({
  kind: 'destination',
  name: 'bigquery',
  description: 'Google BigQuery, a pending write stream or a load job for each batch',
  config,
  guarantee: ({ method }) =>
    "What decides is a job whose id is made of the batch's id, which BigQuery takes once. " +
    (method === 'load-job'
      ? 'That job loads all rows of the batch or none. '
      : "The rows go into a write stream of the batch's own, which is committed only after the job has named it. ") +
    'A batch that comes again finds the job. BigQuery forgets jobs after six months: for one that old the table is ' +
    "asked for the batch's first row, so do not delete rows of a lane that was stopped for so long.",
  // A write takes some seconds, however small it is: most of it is BigQuery's own time.
  defaults: { flush: { rows: 50_000, bytes: '16MiB', every: '5s' }, concurrency: 4, timeout: '5m' },
  suited: ({ method }) =>
    method === 'load-job' ? { flush: { rows: 500_000, bytes: '128MiB', every: '2m' }, timeout: '30m' } : {},
  objection: ({ method }, { flush }) =>
    method === 'load-job' && flush.every < leastInterval
      ? {
          option: 'flush.every',
          message: 'too short for `method: load-job`: BigQuery takes 1,500 load jobs a table and day',
          hint: 'use 90s or more, or `method: storage-write`, which lands within seconds',
        }
      : undefined,
  create: (options, get) =>
    new BigqueryDestination(options, new Statistics(get(keys.metrics)), get(keys.logger)),
});
