import { z } from 'zod';
import { ConfigError, type Destination, definePlugin } from '../../core/index.js';

/** A third party's, in JavaScript: no compiler says that it lacks a method. */
const lame = definePlugin({
  kind: 'destination',
  name: 'lame',
  config: z.object({}),
  create: () => ({ async open() {}, async ensureTable() {}, async check() {}, async write() {} }) as never,
});

/** Its `create` does more than it should. */
const hasty = definePlugin({
  kind: 'destination',
  name: 'hasty',
  config: z.object({}),
  create: (): Destination => {
    throw new TypeError('there is no socket');
  },
});

/** Takes for granted that it was opened before it is closed. */
const shut = definePlugin({
  kind: 'destination',
  name: 'shut',
  config: z.object({}),
  create: (): Destination => ({
    open: () => Promise.reject(new ConfigError('the door is locked: bring the key')),
    ensureTable: async () => {},
    check: async () => {},
    write: async () => {},
    close: () => {
      throw new TypeError("Cannot read properties of undefined (reading 'end')");
    },
  }),
});

export default [lame, hasty, shut];
