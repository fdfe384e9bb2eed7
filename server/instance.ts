import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import type { Config } from '../config/schema.js';

/** What it takes to find a server: less than a whole configuration, which may have a fault elsewhere. */
export type Whereabouts = Pick<Config, 'file' | 'server'>;

/** Tells one server from another on the same machine: the same YAML file, the same instance. */
export function instanceOf(config: Whereabouts): string {
  return createHash('sha256').update(realpathSync(config.file)).digest('hex').slice(0, 16);
}

/** Where senders post, without the query. */
export function webhookUrl(config: Config, port: number = config.server.webhooks.port): string {
  const { host, publicUrl } = config.server.webhooks;
  return publicUrl ?? httpUrl(host, port);
}

/** Where the admin API is. */
export function adminUrl(config: Whereabouts): string {
  return httpUrl(config.server.admin.host, config.server.admin.port);
}

/** A listener on every address is reached, from here, on loopback. */
function httpUrl(host: string, port: number): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
