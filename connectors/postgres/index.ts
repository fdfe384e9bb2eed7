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
  defaults: { flush: { rows: 10_000, bytes: '16MiB', every: '1s' }, concurrency: 2, timeout: '5m' },
  create: (config, get) => new PostgresDestination(get(keys.instance), config),
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
  create: (config, get) => new PostgresTokenStore(get(keys.instance), config),
});

export default [destination, tokenStore];
