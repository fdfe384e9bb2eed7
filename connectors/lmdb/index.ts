import { z } from 'zod';
import { bytes, definePlugin, keys, type Plugin, path } from '../../core/index.js';
import { LmdbSpool } from './spool.js';
import { LmdbTokenStore } from './token-store.js';

const plugins: readonly Plugin[] = [
  definePlugin({
    kind: 'spool',
    name: 'lmdb',
    description: 'A folder on a local disk',
    config: z.object({
      path: path().describe('The folder of the spool; made when it is missing, for this user alone'),
      maxSize: bytes()
        .default(50 * 1024 ** 3)
        .describe('How much may wait; beyond it senders are answered 503, and retry'),
      maxUnproven: bytes()
        .optional()
        .describe(
          'How much of that may be of senders whose token is not known to be good, who are answered 503 beyond it ' +
            'while others are served; a tenth of maxSize unless set',
        ),
    }),
    guarantee: ({ path }) =>
      `Requests lie in ${path}, flushed to the disk before they are answered; it is one copy on one disk. What is ` +
      'damaged there is found and reported, and keeps nothing else from landing.',
    create: (config, get) => new LmdbSpool(config, get(keys.logger)),
  }),
  definePlugin({
    kind: 'token-store',
    name: 'lmdb',
    description: 'A folder on a local disk',
    config: z.object({
      path: path().describe('The folder of the tokens; made when it is missing, for this user alone'),
    }),
    guarantee: ({ path }) => `Tokens are in ${path}, on this machine's disk.`,
    create: (config) => new LmdbTokenStore(config),
  }),
];

export default plugins;
