import { z } from 'zod';
import { definePlugin } from '../../core/index.js';
import { MemoryDestination } from './destination.js';

export default definePlugin({
  kind: 'destination',
  name: 'memory',
  config: z.object({}),
  create: () => new MemoryDestination(),
});
