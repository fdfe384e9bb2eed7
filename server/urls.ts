import type { Config } from '../config/schema.js';
import { webhookUrl } from './instance.js';

/**
 * The URL to post to, credentials included: only ever for the reply that minted the token. Without them where
 * another token stands for the pipeline's senders, as its signature vouches for them.
 */
export function readyUrl(
  config: Config,
  pipeline: string,
  key: string,
  token: string,
  port?: number,
): string {
  const vouchedFor = config.pipelines.get(pipeline)?.signature?.key !== undefined;
  const query = new URLSearchParams({ pipeline_id: pipeline, ...(!vouchedFor && { key, token }) });
  return `${webhookUrl(config, port)}/?${query}`;
}
