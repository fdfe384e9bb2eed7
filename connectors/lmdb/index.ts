import { z } from 'zod';
import { bytes, definePlugin, type Plugin, path } from '../../core/index.js';
import { LmdbSpool } from './spool.js';
import { LmdbTokenStore } from './token-store.js';

const plugins: readonly Plugin[] = [
  definePlugin({
    kind: 'spool',
    name: 'lmdb',
    config: z.object({
      path: path().describe('The folder of the spool. Made when it is not there, for this user alone.'),
      maxSize: bytes()
        .default(50 * 1024 ** 3)
        .describe('How much may wait. Beyond it senders are answered 503, which they retry.'),
    }),
    create: (config) => new LmdbSpool(config),
  }),
  definePlugin({
    kind: 'token-store',
    name: 'lmdb',
    config: z.object({
      path: path().describe('The folder of the tokens. Made when it is not there, for this user alone.'),
    }),
    create: (config) => new LmdbTokenStore(config),
  }),
];

export default plugins;
