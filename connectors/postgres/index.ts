import { z } from 'zod';
import { definePlugin, keys } from '../../core/index.js';
import { PostgresDestination } from './destination.js';
import { connectionOptions, urlOrParts } from './options.js';
import { PostgresTokenStore } from './token-store.js';

const destination = definePlugin({
  kind: 'destination',
  name: 'postgres',
  description: 'PostgreSQL, written by binary COPY',
  config: z
    .object({
      ...connectionOptions,
      ledger: z.string().default('__hookline_batches').describe('The table of landed batches, in the schema'),
    })
    .superRefine(urlOrParts),
  guarantee: ({ ledger }) =>
    `The rows of a batch and its entry in the ledger, the table ${ledger}, are one transaction: both are there or ` +
    'neither. A batch that comes again finds its entry and adds nothing, however long ago the first time was. ' +
    'Do not delete entries of batches that may still come again.',
  defaults: { flush: { rows: 10_000, bytes: '16MiB', every: '1s' }, concurrency: 2, timeout: '5m' },
  create: (config, get) => new PostgresDestination(config, get(keys.logger)),
});

const tokenStore = definePlugin({
  kind: 'token-store',
  name: 'postgres',
  description: 'A table in PostgreSQL, to share tokens between machines',
  config: z
    .object({
      ...connectionOptions,
      table: z.string().default('hookline_tokens').describe('The table of tokens, in the schema'),
    })
    .superRefine(urlOrParts),
  guarantee: ({ table }) =>
    `Tokens are in the table ${table} of a PostgreSQL, which several machines can share.`,
  create: (config, get) => new PostgresTokenStore(config, get(keys.logger)),
});

export default [destination, tokenStore];
