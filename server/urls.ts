import type { Config } from '../config/schema.js';
import { webhookUrl } from './instance.js';

/** The URL to post to, credentials included: only ever for the reply that minted the token. */
export function readyUrl(
  config: Config,
  pipeline: string,
  key: string,
  token: string,
  port?: number,
): string {
  const query = new URLSearchParams({ pipeline_id: pipeline, key, token });
  return `${webhookUrl(config, port)}/?${query}`;
}
