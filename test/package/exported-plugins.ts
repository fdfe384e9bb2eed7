import { type Destination, definePlugin, type Plugin, type Spool } from 'hookline/plugin';
import { z } from 'zod';

declare const destination: Destination;
declare const spool: Spool;

/** Every form of a plugin that a module may export. That this compiles, with declarations, is the test. */
export const one = definePlugin({
  kind: 'destination',
  name: 'one',
  config: z.object({ url: z.string() }),
  create: () => destination,
});
const two = definePlugin({ kind: 'spool', name: 'two', config: z.object({}), create: () => spool });
const plain = two as unknown as Plugin;

export const several = [one, two];
export const plains = [plain];
export const create = plain.create;
export default plain.kind === 'spool' ? plain : plains;
