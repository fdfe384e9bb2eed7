import { z } from 'zod';
import { definePlugin } from '../../core/index.js';
import { MemoryDestination } from './destination.js';

export default definePlugin({
  kind: 'destination',
  name: 'memory',
  description: 'Rows in the load process, gone when it ends: for trying out',
  guarantee: 'None: rows are in the memory of the load process and gone when it ends. It is for trying out.',
  exclusive: true,
  config: z.object({}),
  create: () => new MemoryDestination(),
});
