import type { Container } from 'inversify';
import type { Config } from '../../config/schema.js';
import { Ingest } from '../../core/ingest.js';
import { keys, parts } from '../../core/keys.js';
import { Lifecycle } from '../../core/lifecycle.js';
import { WebhookListener } from '../webhooks/listener.js';
import type { AckAnswers, Role } from './role.js';

/** Answers senders and appends to the spool; knows no warehouse and no token store. */
export async function startAck(
  config: Config,
  container: Container,
  port?: number,
): Promise<Role<AckAnswers>> {
  const lifecycle = new Lifecycle();
  const spool = container.get(parts.spool);
  const ingest = container.get(Ingest);
  const { webhooks } = config.server;
  const listener = new WebhookListener(ingest, { ...webhooks, port: port ?? webhooks.port });

  lifecycle.opened('spool', () => spool.close());
  await spool.open(AbortSignal.timeout(config.server.grace));
  const bound = await listener.listen();
  return {
    port: bound,
    answers: {
      metrics: async () => {
        ingest.report();
        return container.get(keys.metrics).json();
      },
      health: () => spool.check(AbortSignal.timeout(5000)),
    },
    stop: async (grace) => {
      await listener.close(grace);
      await lifecycle.close();
    },
  };
}
