import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Hookline } from '../../support/hookline.js';
import { root } from '../../support/npm.js';
import type { Peer } from './peer.js';

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };

const sections = `destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}" }
pipelines:
  1: { destination: warehouse, table: bench }
`;

/** Hookline as `hookline init` sets it up. */
export const hookline: Peer = {
  name: 'Hookline',
  version,
  waitsFor: 'its disk',
  durable: true,
  table: 'bench',
  column: '__kdd_request_body',
  install: async () => {},
  start: async (databaseUrl) => {
    const server = await Hookline.create(sections, { env: { DATABASE_URL: databaseUrl } });
    await server.start();
    const { urls } = await server.token();
    return {
      url: urls['1'] as string,
      configuration: await readFile(server.configFile, 'utf8'),
      kill: () => server.killAll(),
      restart: () => server.start(),
      destroy: () => server.destroy(),
    };
  },
};
